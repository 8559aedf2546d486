// `mq consume`: messages → standard output. As a group, what was printed is committed and nothing
// else; without a group nothing is committed at all.

import { Consumer } from '../client/consumer.ts'
import type { ReceivedMessage } from '../client/message.ts'
import { Reader } from '../client/reader.ts'
import { parseStartPosition, type StartPosition } from '../client/start-position.ts'
import { systemClock, type Timer } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { checkGroupName, checkTopicName } from '../core/names.ts'
import { CLIENT_OPTIONS, JSON_OPTION, type Session, withSession } from './client-session.ts'
import { argument, type Command, type Invocation } from './command.ts'
import {
  bodyFormat,
  compileFormat,
  type MessageFormat,
  PLACEHOLDER_NAMES,
} from './message-format.ts'
import { messageToJson } from './message-json.ts'
import { toJson } from './output.ts'
import { onStdinEnd, STOP_WITH_STDIN_OPTION } from './stop-with-stdin.ts'
import { formatCount, formatDuration } from './units.ts'

/** Without --timeout and --follow: this long without a message is the end. */
const IDLE_LIMIT_MS = 10_000

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
    const from = parseStartPosition(flags.text('from') ?? 'start', systemClock.wallMs())
    const printing = new Printing(invocation)
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
  printing: Printing
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
  let failure: unknown = null
  const ended = new Promise<void>((resolve) => {
    printing.whenEnded(resolve)
  })
  const consumer = new Consumer(session.client, {
    group,
    topics: [{ topic, ...(tags === undefined ? {} : { tags }) }],
    from,
    ...(commitIntervalMs === undefined ? {} : { commitIntervalMs }),
    async onMessages(messages) {
      let done = 0
      while (done < messages.length && printing.print(messages[done] as ReceivedMessage)) done++
      try {
        // Committed is what the reader has been given, not what waits in our memory.
        await printing.flush()
      } catch (error) {
        failure = error
        printing.end('complete')
        throw error
      }
      return done
    },
  })
  await consumer.start()
  try {
    await ended
  } finally {
    await consumer.close()
  }
  if (failure !== null) throw failure
}

type EndReason = 'count' | 'timeout' | 'idle' | 'complete' | 'interrupted'

/** Prints until something ends it, and knows what did. */
class Printing {
  reason: EndReason | null = null
  readonly #invocation: Invocation
  readonly #format: MessageFormat | null
  readonly #countMax: number | null
  readonly #timeoutMs: number | null
  #printed = 0
  #lastMs = 0
  #timers: Timer[] = []
  #onEnd: () => void = () => {}

  constructor(invocation: Invocation) {
    const { flags } = invocation
    const template = flags.text('format')
    if (template !== undefined && flags.isSet('json')) {
      throw new MqError('USAGE', '--format and --json exclude each other', {
        hint: 'mq consume --help',
      })
    }
    this.#invocation = invocation
    this.#countMax = flags.integer('count', { min: 1, max: Number.MAX_SAFE_INTEGER }) ?? null
    if (flags.isSet('json')) this.#format = null
    else this.#format = template === undefined ? bodyFormat : compileFormat(template)
    this.#timeoutMs = flags.durationMs('timeout') ?? null
  }

  /** Starts the clocks. */
  start(): void {
    const { flags, interruption, output, progress } = this.#invocation
    this.#lastMs = systemClock.monoMs()
    interruption.onReceived(() => this.end('interrupted'))
    onStdinEnd(this.#invocation, () => this.end('complete'))
    output.onGone = () => this.end('complete')
    if (!output.isTerminal) progress.start(() => `${formatCount(this.#printed)} messages`)
    if (this.#timeoutMs !== null) {
      this.#timers.push(systemClock.after(this.#timeoutMs, () => this.end('timeout')))
    } else if (!flags.isSet('follow')) {
      this.#timers.push(
        systemClock.every(250, () => {
          if (systemClock.monoMs() - this.#lastMs >= IDLE_LIMIT_MS) this.end('idle')
        }),
      )
    }
  }

  /** Calls `action` once it is over, at once if it is. */
  whenEnded(action: () => void): void {
    this.#onEnd = action
    if (this.reason !== null) action()
  }

  /** False: it is over, and this message was not printed. */
  print(message: ReceivedMessage): boolean {
    if (this.reason !== null) return false
    const { output } = this.#invocation
    if (this.#format === null) output.bytes(Buffer.from(`${toJson(messageToJson(message))}\n`))
    else output.bytes(this.#format(message))
    this.#printed++
    this.#lastMs = systemClock.monoMs()
    if (this.#printed === this.#countMax) this.end('count')
    return true
  }

  drained(): Promise<void> {
    return this.#invocation.output.drained()
  }

  /** Resolves when everything printed has left the process; rejects if nobody reads any more. */
  flush(): Promise<void> {
    return this.#invocation.output.flushed()
  }

  end(reason: EndReason): void {
    if (this.reason !== null) return
    this.reason = reason
    for (const timer of this.#timers) timer.cancel()
    this.#invocation.progress.stop()
    this.#onEnd()
  }

  conclude(): number {
    const { interruption, flags } = this.#invocation
    if (this.reason === 'interrupted') {
      // Ctrl-C is how following ends; anywhere else it cuts the work short.
      return flags.isSet('follow') ? EXIT.ok : (interruption.exitCode ?? EXIT.failed)
    }
    const wanted = this.#countMax
    if (wanted === null || this.#printed >= wanted) return EXIT.ok
    const waitedMs = this.#timeoutMs ?? IDLE_LIMIT_MS
    const waited = this.#timeoutMs === null ? 'without a message' : 'in all'
    throw new MqError(
      'TIMED_OUT',
      `${this.#printed} of ${wanted} messages came within ${formatDuration(waitedMs)} ${waited}`,
      { hint: `allow more time with --timeout ${formatDuration(waitedMs * 3).replace(/ /g, '')}` },
    )
  }
}
