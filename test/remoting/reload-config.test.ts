// Goal: a node takes a reload from its own machine only, and its report arrives as it was made.
// Method: the handler with connections from different addresses; the report there and back.

import { describe, expect, test } from 'bun:test'
import { REQUEST } from '../../src/remoting/codes.ts'
import {
  decodeReloadReport,
  encodeReloadReport,
  isSameMachine,
  type ReloadReport,
} from '../../src/remoting/reload-config.ts'
import { BrokerSimulation } from '../support/broker-fixture.ts'

const REPORT: ReloadReport = {
  node: 'broker broker-a',
  processId: 4_711,
  path: '/etc/mq.toml',
  applied: [{ key: 'retention', before: '72h', after: '48h' }],
  needsRestart: [{ key: 'listen', before: '127.0.0.1:1', after: '127.0.0.1:2' }],
  overridden: [{ key: 'nameservers', by: '--nameservers' }],
  refusal: null,
}

const REPORTS: ReloadReport[] = [
  REPORT,
  {
    ...REPORT,
    applied: [],
    refusal: { message: '/etc/mq.toml:3: „retention“ is wrong', hint: 'fix that line' },
  },
]

test.each(REPORTS)('R32: a report comes back as it was', (report) => {
  expect(decodeReloadReport(encodeReloadReport(report))).toEqual(report)
})

describe('R32: who is on the same machine', () => {
  const cases: [string, string, boolean][] = [
    ['127.0.0.1', '127.0.0.1', true],
    ['127.9.9.9', '10.0.0.1', true],
    ['::1', '::1', true],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1', true],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.2', '10.0.0.1', false],
    ['128.0.0.1', '127.0.0.1', false],
    ['::ffff:10.0.0.2', '::ffff:10.0.0.1', false],
  ]
  test.each(cases)('%s to %s: %p', (remote, local, expected) => {
    const ends = { remote: { host: remote, port: 1 }, local: { host: local, port: 2 } }
    expect(isSameMachine(ends)).toBe(expected)
  })
})

test('R32: a reload from another machine is refused, and nothing is read', async () => {
  const world = new BrokerSimulation()
  let count = 0
  const reload = async (): Promise<ReloadReport> => {
    count++
    return REPORT
  }
  await world.started({ reload })
  const far = await world.clock.runFor(world.peer().begin(REQUEST.reloadConfig, {}), 5_000)
  expect((far as { code: number }).code).toBe(16)
  expect((far as { remark: string }).remark).toContain('10.0.9.9')
  expect(count).toBe(0)
  const near = world.peer({ host: '10.0.0.1' })
  const answer = await world.clock.runFor(near.begin(REQUEST.reloadConfig, {}), 5_000)
  expect((answer as { code: number }).code).toBe(0)
  expect(count).toBe(1)
  await world.end()
})

test('R32: a node that cannot reload says that it does not know the request', async () => {
  const world = new BrokerSimulation()
  await world.started()
  const answer = await world.clock.runFor(world.peer().begin(REQUEST.reloadConfig, {}), 5_000)
  expect((answer as { code: number }).code).toBe(3)
  await world.end()
})
