// `mq produce`: input → messages. Bytes are sent as they are; standard output stays silent unless
// receipts are asked for. Ends with an error if a single message was not acknowledged.

import { Producer } from '../client/producer.ts'
import type { ProducerOptions } from '../client/producer-options.ts'
import { systemClock } from '../core/clock.ts'
import { checkTopicName } from '../core/names.ts'
import { CLIENT_OPTIONS, type Session, withSession } from './client-session.ts'
import { argument, type Command, type Invocation } from './command.ts'
import { Pace } from './pace.ts'
import { readMessages } from './produce-input.ts'
import { POLICY_OPTIONS, producerOptions } from './producer-flags.ts'
import { SendTally } from './send-tally.ts'
import { StoppableInput } from './stoppable-input.ts'
import { formatCount } from './units.ts'

export const produce: Command = {
  usage: '<topic>',
  summary: 'Sends messages: one per line of standard input, bytes kept as they are.',
  examples: [
    { command: 'echo hello | mq produce greetings', does: 'one message' },
    {
      command: 'mq produce orders --key 007 --tag new --body "{}"',
      does: 'key, tag and body given here',
    },
    {
      command: 'mq produce orders --policy hash --json < in.jsonl',
      does: 'equal keys to equal queues',
    },
    { command: 'mq consume a --json | mq produce b --json', does: 'copy, losing no byte' },
    { command: 'mq produce photos --whole --file cat.jpg', does: 'a file as one message' },
  ],
  options: [
    { flag: '--body <text>', help: 'one message with this body, instead of standard input' },
    { flag: '--file <file>', help: 'read this instead of standard input' },
    { flag: '--whole', help: 'the whole input is one message' },
    { flag: '--json', help: 'each line is an object as `mq consume --json` prints it' },
    { flag: '--key <key>', help: 'key of every message' },
    { flag: '--tag <tag>', help: 'tag of every message, for consumers to filter by' },
    { flag: '--property <name=value>', help: 'property of every message', isRepeatable: true },
    { flag: '--flag <n>', help: 'a 32-bit integer of your own' },
    ...POLICY_OPTIONS,
    { flag: '--rate <n>', help: 'at most this many messages a second' },
    { flag: '--in-flight <n>', help: 'sends waiting for their acknowledgement (default 1024)' },
    { flag: '--receipts', help: 'print one JSON object per acknowledged message, in input order' },
    { flag: '--timeout <duration>', help: 'for each message with all its attempts (default 10s)' },
    ...CLIENT_OPTIONS,
  ],
  timeLimit:
    'Each message is acknowledged within --timeout (10 s) or given up; then the command stops reading and ends. It waits for its input as long as that takes.',
  notes: [
    'Only "\\n" separates messages; an empty line is a message, "\\r" stays, a last line without',
    'newline counts. Exit code 7: some messages were acknowledged and some were not.',
  ],
  async run(invocation) {
    const topic = argument(invocation, 0)
    checkTopicName(topic)
    const options = producerOptions(invocation.flags)
    const pace = new Pace(systemClock, invocation.flags.integer('rate', RATE_BOUNDS) ?? 0)
    return withSession(invocation, (session) => send({ invocation, session, topic, options, pace }))
  },
}

const RATE_BOUNDS = { min: 1, max: 10_000_000 }

interface Sending {
  invocation: Invocation
  session: Session
  topic: string
  options: ProducerOptions
  pace: Pace
}

async function send(sending: Sending): Promise<number> {
  const { invocation, session, topic, options, pace } = sending
  const producer = new Producer(session.client, options)
  const tally = new SendTally(invocation)
  const { interruption, progress } = invocation
  progress.start(() => `${formatCount(tally.acknowledged)} messages acknowledged`)
  const isStopped = (): boolean => tally.failure !== null || interruption.received !== null
  const input = new StoppableInput(readMessages(invocation, topic))
  interruption.onReceived(() => input.stop())
  tally.onFailure = () => input.stop()
  let inputError: unknown = null
  try {
    for (;;) {
      const messages = await input.next()
      if (messages === null) break
      for (const message of messages) {
        if (isStopped()) break
        await pace.step()
        await tally.ready()
        await producer.ready()
        tally.add(producer.send(message))
      }
    }
  } catch (error) {
    inputError = error
  }
  await producer.close()
  await tally.settled()
  progress.stop()
  return tally.conclude(inputError)
}
