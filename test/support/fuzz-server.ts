// A process to be fuzzed over real sockets: a nameserver, with one more request that says how much
// memory it uses. Prints its port, and ends when its standard input does.

import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { defaultNameserverConfig } from '../../src/nameserver/config.ts'
import { Nameserver } from '../../src/nameserver/nameserver.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { RemotingServer } from '../../src/remoting/server.ts'

const logger = new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'fuzzed' })
const listen = { host: '127.0.0.1', port: 0 }
const nameserver = new Nameserver({
  config: { ...defaultNameserverConfig(), listen },
  network: bunNetwork,
  clock: systemClock,
  logger,
})
const gauge = new RemotingServer({
  network: bunNetwork,
  clock: systemClock,
  logger,
  handlers: new Map([[1, () => ({ code: 0, fields: { rss: process.memoryUsage.rss() } })]]),
})
const { port } = await nameserver.start()
const { port: gaugePort } = await gauge.start(listen)
process.stdout.write(`${port} ${gaugePort}\n`)
for await (const _ of process.stdin);
process.exit(0)
