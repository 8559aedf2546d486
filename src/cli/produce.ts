// `mq produce`: input → messages. Bytes are sent as they are; standard output stays silent unless
// receipts are asked for. Ends with an error if a single message was not acknowledged.

import type { OutgoingMessage, SendReceipt } from '../client/message.ts'
import { Producer } from '../client/producer.ts'
import type { PolicyChoice, ProducerOptions, QueueWeights } from '../client/producer-options.ts'
import { systemClock } from '../core/clock.ts'
import { describeError, EXIT, MqError } from '../core/errors.ts'
import { checkTopicName } from '../core/names.ts'
import { CLIENT_OPTIONS, type Session, TIMEOUT_MS, withSession } from './client-session.ts'
import { argument, type Command, type Invocation } from './command.ts'
import type { Flags, OptionSpec } from './flags.ts'
import { ReaderGone } from './output.ts'
import { Pace } from './pace.ts'
import { readMessages } from './produce-input.ts'
import { badValue, formatCount, parseInteger } from './units.ts'

const POLICIES = ['rr', 'weighted', 'hash', 'consistent'] as const

export const POLICY_OPTIONS: readonly OptionSpec[] = [
  { flag: '--policy <policy>', help: 'rr, weighted, hash or consistent (default rr)' },
  {
    flag: '--weights <list>',
    help: 'for weighted: broker-a=3,broker-b=1 (or broker-a:0=3 for a queue)',
  },
  { flag: '--retries <n>', help: 'further attempts on another broker (default 2)' },
]

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

export function producerOptions(flags: Flags): ProducerOptions {
  return {
    group: 'mq-produce',
    policy: policyOf(flags),
    retries: flags.integer('retries', { min: 0, max: 100 }) ?? 2,
    timeoutMs: flags.durationMs('timeout') ?? TIMEOUT_MS,
    inFlightMessagesMax: flags.integer('in-flight', { min: 1, max: 65_536 }) ?? 1024,
  }
}

function policyOf(flags: Flags): PolicyChoice {
  const weights = flags.text('weights')
  const policy = flags.choice('policy', POLICIES) ?? (weights === undefined ? 'rr' : 'weighted')
  switch (policy) {
    case 'rr':
      return { kind: 'round-robin' }
    case 'weighted':
      return { kind: 'weighted', weights: parseWeights(weights ?? '') }
    case 'hash':
      return { kind: 'key-hash' }
    case 'consistent':
      return { kind: 'consistent-hash' }
  }
}

function parseWeights(text: string): QueueWeights {
  const weights: Record<string, number> = {}
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [name, number] = part.split('=')
    const weight = parseInteger(number ?? '', { min: 1, max: 1_000 })
    if (name === undefined || name === '' || weight === null) {
      throw badValue('--weights', text, 'broker-a=3,broker-b=1')
    }
    weights[name] = weight
  }
  return weights
}

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
  const tally = new Tally(invocation)
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

/**
 * Input that may never come: whoever waits for it can be told to stop waiting. Not Promise.race, which
 * would keep everything ever read alive for as long as the other promise is undecided.
 */
class StoppableInput {
  readonly #messages: AsyncIterator<OutgoingMessage[]>
  #stopWaiting: (() => void) | null = null
  #isStopped = false

  constructor(messages: AsyncIterator<OutgoingMessage[]>) {
    this.#messages = messages
  }

  /** Null at the end, and once stopped. */
  next(): Promise<OutgoingMessage[] | null> {
    if (this.#isStopped) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => resolve(null)
      this.#messages
        .next()
        .then((result) => resolve(result.done === true ? null : result.value), reject)
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#stopWaiting?.()
  }
}

/** Follows sends in input order: prints receipts, remembers the first failure. */
class Tally {
  acknowledged = 0
  failed = 0
  failure: unknown = null
  onFailure: () => void = () => {}
  readonly #invocation: Invocation
  #tail: Promise<void> = Promise.resolve()
  #notDurable = 0
  #isPrinting: boolean

  constructor(invocation: Invocation) {
    this.#invocation = invocation
    this.#isPrinting = invocation.flags.isSet('receipts')
  }

  /** Resolves when whoever reads the receipts has caught up. */
  async ready(): Promise<void> {
    if (!this.#isPrinting) return
    await this.#print(() => this.#invocation.output.drained())
  }

  add(sent: Promise<SendReceipt>): void {
    const settled = sent.then(
      (receipt) => () => this.#accept(receipt),
      (error: unknown) => {
        this.failure ??= error
        this.onFailure()
        return async () => {
          this.failed++
        }
      },
    )
    this.#tail = this.#tail.then(async () => (await settled)())
  }

  settled(): Promise<void> {
    return this.#tail
  }

  conclude(inputError: unknown): number {
    const { interruption } = this.#invocation
    if (this.#notDurable > 0) {
      this.#invocation.note(
        `warning: ${this.#notDurable} messages are stored, but their broker does not promise that they survive`,
      )
    }
    const error = this.failure ?? inputError
    if (error === null) return interruption.exitCode ?? EXIT.ok
    if (this.acknowledged === 0) throw error
    const count = this.failed === 0 ? 'the rest' : String(this.failed)
    const hint = error instanceof MqError ? error.hint : null
    throw new MqError(
      'PARTIAL',
      `${this.acknowledged} messages were acknowledged, ${count} not: ${describeError(error)}`,
      { ...(hint === null ? {} : { hint }), cause: error },
    )
  }

  #accept(receipt: SendReceipt): Promise<void> {
    this.acknowledged++
    if (!receipt.isDurable) this.#notDurable++
    return this.#print(async () => this.#invocation.output.object(receipt))
  }

  /** Nobody who wants to see receipts any more is no reason to leave the rest unsent. */
  async #print(action: () => Promise<void>): Promise<void> {
    if (!this.#isPrinting) return
    try {
      await action()
    } catch (error) {
      this.#isPrinting = false
      if (error instanceof ReaderGone) return
      this.failure ??= error
      this.onFailure()
    }
  }
}
