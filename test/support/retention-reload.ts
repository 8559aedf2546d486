// Whether a retention limit of the file reaches the log: a broker on small segments in memory, under
// virtual time, whose settings are reloaded from a real file as `mq broker` does it.

import { expect } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { liveBrokerConfig } from '../../src/cli/broker.ts'
import { readConfigFile } from '../../src/cli/config-file.ts'
import { resolveSettings } from '../../src/cli/context.ts'
import { Flags } from '../../src/cli/flags.ts'
import { NodeSettings } from '../../src/cli/node-settings.ts'
import { queueKey } from '../../src/store/append-log.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { BrokerSimulation, makeTopic, send } from './broker-fixture.ts'
import { TempFolder } from './cli.ts'
import { recordingLogger } from './quiet-logger.ts'

const SEGMENT_BYTES = 2_000
const HOUR_MS = 3_600_000

/** Rejects unless messages stay before the reload and go after it. */
export async function retentionTakesEffect(key: string, value: string): Promise<void> {
  const world = new BrokerSimulation()
  const folder = new TempFolder('retention')
  const path = folder.join('mq.toml')
  writeFileSync(path, '')
  const flags = new Flags(new Map([['config', [path]]]))
  const settings = resolveSettings('broker', flags, readConfigFile(path))
  const log = new MemoryLog({ disk: world.disk, segmentBytes: SEGMENT_BYTES })
  const { nameservers: _, ...config } = liveBrokerConfig(settings)
  const broker = await world.started({ log, config })
  const live = new NodeSettings({
    role: 'broker',
    node: 'broker',
    flags,
    settings,
    logger: recordingLogger(world.clock).logger,
    apply: (changed) => {
      const { nameservers: _unused, ...changes } = liveBrokerConfig(changed)
      return broker.reconfigure(changes)
    },
  })
  const minOffset = (): number => {
    const topic = broker.state.topics.get('orders')
    return broker.context?.store.minOffset(queueKey(topic?.id ?? 0, 0)) ?? -1
  }
  try {
    const peer = world.peer()
    await makeTopic(peer, 'orders')
    for (let i = 0; i < 60; i++) await send(peer, {}, 'x'.repeat(200))
    await world.clock.advance(3 * HOUR_MS)
    expect(minOffset()).toBe(0)
    writeFileSync(path, `${key} = ${value}\n`)
    const report = await live.reload()
    expect(report.applied.map((change) => change.key)).toEqual([key])
    await world.clock.advance(60_000)
    expect(minOffset()).toBeGreaterThan(0)
  } finally {
    live.stop()
    await world.end()
    folder.remove()
  }
}
