// A nameserver on a real port that only counts what it is told: for tests of nodes in processes of their
// own.

import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { formatAddress } from '../../src/remoting/address.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { RequestHandler } from '../../src/remoting/dispatch.ts'
import { RemotingServer } from '../../src/remoting/server.ts'

export class FakeNameserver {
  registrationCount = 0
  goodbyeCount = 0
  address = ''
  readonly #server: RemotingServer

  private constructor() {
    const register: RequestHandler = () => {
      this.registrationCount++
      return { code: 0 }
    }
    const unregister: RequestHandler = () => {
      this.goodbyeCount++
      return { code: 0 }
    }
    this.#server = new RemotingServer({
      network: bunNetwork,
      clock: systemClock,
      logger: new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'fake' }),
      handlers: new Map([
        [REQUEST.registerBroker, register],
        [REQUEST.unregisterBroker, unregister],
      ]),
    })
  }

  static async start(listen = { host: '127.0.0.1', port: 0 }): Promise<FakeNameserver> {
    const nameserver = new FakeNameserver()
    nameserver.address = formatAddress(await nameserver.#server.start(listen))
    return nameserver
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }
}

/** Waits for a condition, with a limit. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`it did not happen: ${what}`)
    await Bun.sleep(20)
  }
}
