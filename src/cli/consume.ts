// `mq consume`: messages → standard output. As a group, what was printed is committed and nothing
// else; without a group nothing is committed at all.

import { Consumer } from '../client/consumer.ts'
import type { ReceivedMessage } from '../client/message.ts'
import { Reader } from '../client/reader.ts'
import { parseStartPosition, type StartPosition } from '../client/start-position.ts'
import { systemClock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { checkGroupName, checkTopicName } from '../core/names.ts'
import { CLIENT_OPTIONS, JSON_OPTION, type Session, withSession } from './client-session.ts'
import { argument, type Command, type Invocation } from './command.ts'
import { Dedupe } from './dedupe.ts'
import { PLACEHOLDER_NAMES } from './message-format.ts'
import { MessagePrinter } from './message-printer.ts'
import { STOP_WITH_STDIN_OPTION } from './stop-with-stdin.ts'

export const consume: Command = {
  usage: '<topic>',
  summary: 'Prints messages, one per line.',
  examples: [
    { command: 'mq consume greetings', does: 'everything there is, then end' },
    { command: 'mq consume orders --follow --from end', does: 'what comes from now on' },
    {
      command: 'mq consume orders --group billing --count 100',
      does: 'as a group: commits what it printed',
    },
    { command: 'mq consume orders --from @-1h --json | jq .key', does: 'the last hour' },
    { command: "mq consume orders --format '{key}\\t{body}'", does: 'choose what is printed' },
  ],
  options: [
    {
      flag: '--group <group>',
      help: 'share the queues with the group and commit; without it nothing is committed',
    },
    {
      flag: '--from <position>',
      help: 'start, end, -100 (the last 100 of each queue), @-1h, @TIME or an offset (default start); a group goes on where it was',
    },
    { flag: '--count <n>', help: 'stop after this many messages' },
    {
      flag: '--timeout <duration>',
      help: 'stop after this long; exit code 6 if --count was not reached',
    },
    { flag: '--follow', help: 'go on for ever' },
    { flag: '--tag <tags>', help: "only messages with this tag, or one of several: 'a || b'" },
    {
      flag: '--ordered',
      help: "with --group: hold the broker's lock of each queue, so that one member reads it at a time",
    },
    {
      flag: '--dedupe <file>',
      help: 'with --group: print each message once; the file remembers which, also for other processes',
    },
    {
      flag: '--commit-interval <duration>',
      help: 'how often a group commits (default 5s), and on exit',
    },
    { flag: '--format <template>', help: 'what to print for each message, see below' },
    JSON_OPTION,
    STOP_WITH_STDIN_OPTION,
    ...CLIENT_OPTIONS,
  ],
  timeLimit:
    '--timeout; without it 10 s after the last message, or with --follow none. Without group, --count and --follow it ends where the topic ended when it began.',
  notes: [
    `Placeholders of --format: ${PLACEHOLDER_NAMES.map((name) => `{${name}}`).join(' ')} {property.NAME}.`,
    'Escapes: \\n \\t \\r \\0 \\\\, {{ and }} for braces. Every message ends with a newline.',
  ],
  async run(invocation) {
    const { flags } = invocation
    const topic = argument(invocation, 0)
    checkTopicName(topic)
    const group = flags.text('group')
    if (group !== undefined) checkGroupName(group)
    for (const flag of ['ordered', 'dedupe']) {
      if (group !== undefined || !flags.isSet(flag)) continue
      throw new MqError('USAGE', `--${flag} is for members of a group`, {
        hint: `mq consume ${topic} --group GROUP --${flag}`,
      })
    }
    const from = parseStartPosition(flags.text('from') ?? 'start', systemClock.wallMs())
    const printing = new MessagePrinter(invocation)
    return withSession(invocation, async (session) => {
      const consumption = { invocation, session, topic, from, printing }
      printing.start()
      try {
        if (group === undefined) await read(consumption)
        else await consumeAsGroup({ ...consumption, group })
      } finally {
        printing.end('complete')
      }
      await printing.flush()
      return printing.conclude()
    })
  },
}

interface Consumption {
  invocation: Invocation
  session: Session
  topic: string
  from: StartPosition
  printing: MessagePrinter
}

async function read(consumption: Consumption): Promise<void> {
  const { invocation, session, topic, from, printing } = consumption
  const { flags } = invocation
  const tags = flags.text('tag')
  const follows = flags.isSet('follow') || flags.isSet('count')
  if (from.kind === 'end' && !follows) {
    invocation.note('note: nothing is after the end; add --follow to wait for new messages')
  }
  const reader = new Reader(session.client, {
    topic,
    from,
    follows,
    ...(tags === undefined ? {} : { tags }),
  })
  printing.whenEnded(() => void reader.close())
  try {
    for await (const message of reader) {
      if (!printing.print(message)) break
      await printing.drained()
    }
  } finally {
    await reader.close()
  }
}

async function consumeAsGroup(consumption: Consumption & { group: string }): Promise<void> {
  const { invocation, session, topic, from, group, printing } = consumption
  const tags = invocation.flags.text('tag')
  const commitIntervalMs = invocation.flags.durationMs('commit-interval')
  const dedupeFile = invocation.flags.text('dedupe')
  const dedupe = dedupeFile === undefined ? null : new Dedupe(dedupeFile, printing)
  let failure: unknown = null
  const ended = new Promise<void>((resolve) => {
    printing.whenEnded(resolve)
  })
  const consumer = new Consumer(session.client, {
    group,
    topics: [{ topic, ...(tags === undefined ? {} : { tags }) }],
    from,
    isOrdered: invocation.flags.isSet('ordered'),
    ...(commitIntervalMs === undefined ? {} : { commitIntervalMs }),
    async onMessages(messages) {
      try {
        return await (dedupe?.print(messages) ?? printAll(messages, printing))
      } catch (error) {
        failure = error
        printing.end('complete')
        throw error
      }
    },
  })
  try {
    await consumer.start()
    await ended
  } finally {
    await consumer.close()
    dedupe?.end(invocation)
  }
  if (failure !== null) throw failure
}

/** How many were printed; they have left the process then, so that they may be committed. */
async function printAll(
  messages: readonly ReceivedMessage[],
  printing: MessagePrinter,
): Promise<number> {
  let done = 0
  while (done < messages.length && printing.print(messages[done] as ReceivedMessage)) done++
  await printing.flush()
  return done
}
