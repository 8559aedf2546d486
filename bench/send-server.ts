// The broker that bench/send-load.ts loads: a process of its own, so that its CPU time is its own.
//
//   bun [--cpu-prof] bench/send-server.ts FOLDER sync|async

import { Broker } from '../src/broker/broker.ts'
import { defaultBrokerConfig } from '../src/broker/config.ts'
import { systemClock } from '../src/core/clock.ts'
import { SEGMENT_BYTES } from '../src/core/limits.ts'
import { Logger } from '../src/core/logger.ts'
import { systemRandom } from '../src/core/random.ts'
import { formatAddress } from '../src/remoting/address.ts'
import { bunNetwork } from '../src/remoting/bun-network.ts'
import { openSqliteLog } from '../src/store/sqlite-log.ts'

const [folder, flush] = Bun.argv.slice(2) as [string, 'sync' | 'async']
const logger = new Logger({
  clock: systemClock,
  sink: (line) => process.stderr.write(`${line}\n`),
  level: 'warn',
  scope: 'broker',
})
const broker = new Broker({
  config: {
    ...defaultBrokerConfig(),
    listen: { host: '127.0.0.1', port: 0 },
    nameservers: [],
    autoCreateTopics: true,
    flush,
  },
  log: openSqliteLog({ folder, flush, segmentBytes: SEGMENT_BYTES, clock: systemClock, logger }),
  network: bunNetwork,
  clock: systemClock,
  random: systemRandom,
  logger,
  onFailed: () => process.exit(70),
})
const address = await broker.start()
process.stdout.write(`ready ${formatAddress(address)}\n`)
process.on('SIGTERM', async () => {
  await broker.stop()
  process.exit(0)
})
