// A client whose process is killed (-9) in the middle of what it does: when it has sent so many
// requests, or when so many answers have reached it. Peers see its connections close.

import { Client } from '../../src/client/client.ts'
import { Logger } from '../../src/core/logger.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { FrameSplitter } from '../../src/remoting/frame-splitter.ts'
import type { Network } from '../../src/remoting/network.ts'
import { VirtualProcess } from '../../src/simulation/virtual-process.ts'

/** Frames that leave, or frames that arrive. */
export type Direction = 'requests' | 'answers'

export interface Mortal {
  client: Client
  /** Whether it was killed, or had finished before. */
  isDead: () => boolean
  kill: () => void
}

export function mortalClient(
  cluster: VirtualCluster,
  options: { hostName: string; dieAfter: number; of: Direction; seed: number },
): Mortal {
  const { clock, network } = cluster
  const process = new VirtualProcess({ network, clock, hostName: options.hostName })
  let left = options.dieAfter
  let isDead = false
  const kill = (): void => {
    if (isDead) return
    isDead = true
    process.kill()
  }
  const note = (direction: Direction, splitter: FrameSplitter, bytes: Buffer): void => {
    splitter.push(bytes, () => {
      if (direction === options.of && --left === 0) kill()
    })
  }
  const counted: Network = {
    listen: (address, accept) => process.network.listen(address, accept),
    connect: (address, limits, open) =>
      process.network.connect(address, limits, (stream) => {
        const sent = new FrameSplitter()
        const received = new FrameSplitter()
        const handlers = open({
          local: stream.local,
          remote: stream.remote,
          write: (bytes) => {
            if (isDead) return bytes.length
            const count = stream.write(bytes)
            note('requests', sent, Buffer.from(bytes.subarray(0, count)))
            return count
          },
          pause: () => stream.pause(),
          resume: () => stream.resume(),
          end: () => stream.end(),
          destroy: () => stream.destroy(),
        })
        return {
          onData: (chunk) => {
            note('answers', received, Buffer.from(chunk))
            if (!isDead) handlers.onData(chunk)
          },
          onDrain: () => handlers.onDrain(),
          onClose: () => handlers.onClose(),
        }
      }),
  }
  const client = new Client({
    nameservers: cluster.nameservers.map(({ address }) => address),
    network: counted,
    clock: process.clock,
    random: seededRandom(options.seed),
    logger: new Logger({ clock, sink: () => {}, level: 'error', scope: options.hostName }),
    host: options.hostName,
  })
  return { client, isDead: () => isDead, kill }
}
