// A nameserver of a world. It keeps nothing: each run begins empty.

import { FRAME_BYTES_MAX, OUTPUT_BYTES_MAX } from '../../core/limits.ts'
import { defaultNameserverConfig } from '../../nameserver/config.ts'
import { Nameserver } from '../../nameserver/nameserver.ts'
import type { FrameTap } from './node-network.ts'
import { type Run, WorldNode, type WorldParts } from './world-node.ts'

export const NAMESERVER_PORT = 9876

export class NameserverNode extends WorldNode {
  readonly address: string
  #nameserver: Nameserver | null = null

  constructor(parts: WorldParts, host: string) {
    super(parts, { host, role: 'nameserver' })
    this.address = `${host}:${NAMESERVER_PORT}`
  }

  protected async boot({ clock, network, logger }: Run): Promise<void> {
    const { scanMs, brokerExpiryMs } = this.parts.plan.intervals
    const config = {
      ...defaultNameserverConfig(),
      listen: { host: this.host, port: NAMESERVER_PORT },
      scanIntervalMs: scanMs,
      brokerExpiryMs,
    }
    this.#nameserver = new Nameserver({ config, clock, network, logger })
    await this.#nameserver.start()
  }

  /** Answers, and routes pushed to those that watch. */
  protected override tap(): () => FrameTap {
    const { history } = this.parts
    const limit = OUTPUT_BYTES_MAX + FRAME_BYTES_MAX
    return () => ({
      onRead: () => {},
      onWrite: (offered) => history.noteBuffer(`output of ${this.host}`, offered.length, limit),
    })
  }

  protected async shutDown(): Promise<void> {
    await this.#nameserver?.stop()
  }

  protected ended(): void {
    this.#nameserver = null
  }
}
