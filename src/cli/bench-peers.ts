// Thousands of brokers and clients of one nameserver in one process: each a connection of its own that
// speaks the wire, and nothing else. They share one sweep of timeouts, because a timer each would be
// most of what is measured.

import { systemClock, type Timer } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { Logger } from '../core/logger.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import type { Command, RequestOptions } from '../remoting/command.ts'
import { Connection } from '../remoting/connection.ts'
import { sweepConnections } from '../remoting/connection-sweep.ts'
import type { HostPort } from '../remoting/network.ts'
import { RemoteWarnings } from '../remoting/remote-warnings.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import type { Histogram } from './histogram.ts'

const CONNECT_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60_000

export class BenchPeers {
  readonly #address: HostPort
  readonly #logger: Logger
  readonly #warnings: RemoteWarnings
  readonly #connections = new Set<Connection>()
  readonly #sweep: Timer

  constructor(address: HostPort, note: (line: string) => void) {
    this.#address = address
    this.#logger = new Logger({ clock: systemClock, sink: note, level: 'warn', scope: 'bench' })
    this.#warnings = new RemoteWarnings(systemClock, this.#logger)
    this.#sweep = sweepConnections(systemClock, () => this.#connections)
  }

  get count(): number {
    return this.#connections.size
  }

  async connect(onPush: (push: Command) => void = () => {}): Promise<Connection> {
    let connection: Connection | null = null
    await bunNetwork.connect(this.#address, { timeoutMs: CONNECT_TIMEOUT_MS }, (stream) => {
      connection = new Connection({
        stream,
        clock: systemClock,
        logger: this.#logger,
        warnings: this.#warnings,
        expectsFirstFrame: false,
        onRequest: onPush,
      })
      return connection
    })
    if (connection === null) throw new MqError('UNREACHABLE', 'the nameserver took no connection')
    return this.#adopt(connection)
  }

  #adopt(connection: Connection): Connection {
    this.#connections.add(connection)
    connection.onClosed(() => this.#connections.delete(connection))
    return connection
  }

  stop(): void {
    this.#sweep.cancel()
    for (const connection of [...this.#connections]) connection.destroy()
  }
}

/** The answer of success; rejects with what any other stands for. */
export async function ask(
  connection: Connection,
  code: number,
  options: RequestOptions,
  latencies?: Histogram,
): Promise<Command> {
  const startMs = systemClock.monoMs()
  const answer = await connection.invoke(code, options, REQUEST_TIMEOUT_MS)
  latencies?.add(systemClock.monoMs() - startMs)
  if (answer.code !== 0) throw errorFromResponse(answer, connection.peer)
  return answer
}
