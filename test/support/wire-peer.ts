// A peer that speaks the wire and nothing more: it asks one request at a time under virtual time, and
// remembers what it was asked. Tests of servers talk through it.

import { Logger } from '../../src/core/logger.ts'
import { seededRandom } from '../../src/core/random.ts'
import { Channels } from '../../src/remoting/channels.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { Command, FieldValues, RequestOptions, Response } from '../../src/remoting/command.ts'
import type { RequestHandler } from '../../src/remoting/dispatch.ts'
import type { Network } from '../../src/remoting/network.ts'
import type { VirtualClock } from '../../src/simulation/virtual-clock.ts'

const TIMEOUT_MS = 5_000

export interface WirePeerOptions {
  clock: VirtualClock
  network: Network
  /** Whom it asks, "host:port". */
  server: string
  /** Requests it expects from the server, answered by nobody. */
  listensTo?: number[]
  /** Answers what an administrator asks of it through the server (307). */
  answers?: (request: Command) => Response
}

export class WirePeer {
  /** What the server asked of it, oldest first. */
  readonly requests: Command[] = []
  readonly #options: WirePeerOptions
  readonly #channels: Channels

  constructor(options: WirePeerOptions) {
    const { clock, network, listensTo = [], answers } = options
    this.#options = options
    const note: RequestHandler = (request) => {
      this.requests.push(request)
    }
    this.#channels = new Channels({
      clock,
      network,
      random: seededRandom(1),
      logger: new Logger({ clock, sink: () => {}, level: 'error', scope: 'peer' }),
      handlers: new Map([
        ...listensTo.map((code): [number, RequestHandler] => [code, note]),
        ...(answers === undefined
          ? []
          : [[REQUEST.getConsumerRunningInfo, answers] as [number, RequestHandler]]),
      ]),
    })
  }

  /** The answer, whatever its code. */
  ask(code: number, fields: FieldValues = {}, body?: Uint8Array): Promise<Command> {
    return this.#options.clock.runFor(this.begin(code, fields, body), TIMEOUT_MS)
  }

  /** As `ask`, but time does not pass until the test lets it. */
  begin(code: number, fields: FieldValues = {}, body?: Uint8Array): Promise<Command> {
    const timeoutMs = 120_000
    const options: RequestOptions = body === undefined ? { fields } : { fields, body }
    return this.#channels.invoke(this.#options.server, code, { ...options, timeoutMs })
  }

  async tell(code: number, fields: FieldValues = {}, body?: Uint8Array): Promise<void> {
    const options: RequestOptions = body === undefined ? { fields } : { fields, body }
    const sent = this.#channels.sendOneway(this.#options.server, code, options)
    await this.#options.clock.runFor(sent, TIMEOUT_MS)
  }

  get isConnected(): boolean {
    return this.#channels.isOpen(this.#options.server)
  }

  /** Hangs up. The next request connects anew. */
  async hangUp(): Promise<void> {
    this.#channels.drop(this.#options.server)
    await this.#options.clock.advance(10)
  }

  stop(): void {
    this.#channels.stop()
  }
}
