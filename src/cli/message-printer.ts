// Prints messages until something ends it: the count, the time, silence, a signal, a reader who has
// enough. Knows which of them it was, and what exit code that is.

import type { ReceivedMessage } from '../client/message.ts'
import { systemClock, type Timer } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import type { Invocation } from './command.ts'
import { bodyFormat, compileFormat, type MessageFormat } from './message-format.ts'
import { messageToJson } from './message-json.ts'
import { toJson } from './output.ts'
import { onStdinEnd } from './stop-with-stdin.ts'
import { formatCount, formatDuration } from './units.ts'

/** Without --timeout and --follow: this long without a message is the end. */
const IDLE_LIMIT_MS = 10_000

type EndReason = 'count' | 'timeout' | 'idle' | 'complete' | 'interrupted'

export class MessagePrinter {
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
