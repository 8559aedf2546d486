// Goal: what `mq config explain` says of a key is so (R32): every key has an explanation, what is said
// to change while a node runs does so, and what is said to need a restart does not change before and
// does after. Method: a broker and a nameserver through the executable; every key of their roles is
// changed in the file, one after the other, and its effect looked for. A new key without an entry here
// fails the test.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Explanation } from '../../src/cli/config-explain.ts'
import { SETTINGS, settingsOf } from '../../src/cli/setting-list.ts'
import { Client } from '../../src/client/client.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { systemRandom } from '../../src/core/random.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import {
  decodeRegistrationsView,
  type RegistrationsView,
} from '../../src/remoting/registrations-view.ts'
import { jsonLines, mqOk, TempFolder } from '../support/cli.ts'
import { ConfiguredNode, type Keys } from '../support/config-walk.ts'
import { DnsServer } from '../support/dns-server.ts'
import { FakeNameserver, until } from '../support/fake-nameserver.ts'
import { retentionTakesEffect } from '../support/retention-reload.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let folder: TempFolder
let broker: ConfiguredNode
let nameserver: ConfiguredNode
let dns: [DnsServer, DnsServer]
let peers: [FakeNameserver, FakeNameserver]
let client: Client

beforeAll(async () => {
  folder = new TempFolder('keys')
  dns = [await DnsServer.start(), await DnsServer.start()]
  for (const server of dns) server.set('mq.test', ['127.0.0.1'])
  peers = [await FakeNameserver.start(), await FakeNameserver.start()]
  nameserver = new ConfiguredNode('nameserver', folder.join('nameserver.toml'), {
    listen: '"127.0.0.1:0"',
  })
  const port = peers[0].address.split(':')[1]
  broker = new ConfiguredNode('broker', folder.join('broker.toml'), {
    nameservers: `["${peers[0].address}", "dns:mq.test:${port}"]`,
    'dns-server': `"${dns[0].address}"`,
    listen: '"127.0.0.1:0"',
    data: `"${folder.join('data')}"`,
    'heartbeat-interval': '"20s"',
  })
  await Promise.all([nameserver.start(), broker.start()])
  client = new Client({
    nameservers: [nameserver.node.address],
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger: new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'test' }),
  })
})
afterAll(async () => {
  await client.close()
  await Promise.all([broker.stop(), nameserver.stop()])
  for (const part of [...dns, ...peers]) await part.stop()
  folder.remove()
})

/** As the nameserver sees a broker that registers again and again. */
async function registerAndDescribe(): Promise<RegistrationsView> {
  const { address } = nameserver.node
  const fields = { brokerName: 'b', brokerAddr: '127.0.0.1:1', clusterName: 'c', brokerId: 0 }
  await client.channels.call(address, REQUEST.registerBroker, { fields, timeoutMs: 5_000 })
  const answer = await client.channels.call(address, REQUEST.describeRegistrations, {
    timeoutMs: 5_000,
  })
  return decodeRegistrationsView(answer.body)
}

interface Walk {
  /** What the file says instead. */
  to: () => string
  /** Rejects if the new value is not in force. Keys that need a restart have none. */
  effect?: (node: ConfiguredNode) => Promise<unknown>
}

/** Whoever says less logs no reload. */
const LOG: Walk = {
  to: () => '"error"',
  async effect(node) {
    const from = node.node.log.length
    await node.reload()
    node.write({ log: '"info"' })
    await node.reload()
    node.write({ log: '"debug"' })
    await node.reload()
    await node.node.logged('log info → debug', from)
    expect(node.node.log.slice(from).match(/reloaded/g)).toHaveLength(2)
  },
}

const WATCH: Walk = {
  to: () => 'true',
  async effect(node) {
    const from = node.node.log.length
    node.write({ 'watch-config': 'true', log: '"warn"' })
    node.write({ 'watch-config': 'true', log: '"debug"' })
    await node.node.logged('reloaded', from)
  },
}

const BROKER_KEYS: Record<string, Walk> = {
  nameservers: {
    to: () => `["${peers[1].address}"]`,
    effect: () =>
      until('registered with the new, left the old', () => {
        return peers[1].registrationCount > 0 && peers[0].goodbyeCount > 0
      }),
  },
  'dns-server': {
    to: () => `"${dns[1].address}"`,
    effect: () => until('the other server is asked', () => dns[1].asked.length > 0),
  },
  'heartbeat-interval': {
    to: () => '"100ms"',
    async effect() {
      const before = peers[0].registrationCount
      await until('five more registrations', () => peers[0].registrationCount > before + 5)
    },
  },
  retention: { to: () => '"2h"', effect: () => retentionTakesEffect('retention', '"2h"') },
  'retention-size': {
    to: () => '"8KiB"',
    effect: () => retentionTakesEffect('retention-size', '"8KiB"'),
  },
  log: LOG,
  'watch-config': WATCH,
  listen: { to: () => '"127.0.0.2:0"' },
  name: { to: () => '"broker-z"' },
  cluster: { to: () => '"elsewhere"' },
  // Port 0 is the one listened on.
  advertise: { to: () => '"127.0.0.2:0"' },
  data: { to: () => `"${folder.join('other')}"` },
  flush: { to: () => '"async"' },
  'auto-create': { to: () => 'true' },
  'default-queues': { to: () => '3' },
}

const NAMESERVER_KEYS: Record<string, Walk> = {
  'scan-interval': {
    to: () => '"50ms"',
    async effect() {
      const before = (await registerAndDescribe()).scans
      await until('five more scans', async () => (await registerAndDescribe()).scans > before + 5)
    },
  },
  'broker-expiry': {
    to: () => '"7m"',
    async effect() {
      expect((await registerAndDescribe()).brokers[0]?.expiryMs).toBe(420_000)
    },
  },
  log: LOG,
  'watch-config': WATCH,
  listen: { to: () => '"127.0.0.2:0"' },
}

const ROLES = [
  ['broker', BROKER_KEYS, () => broker],
  ['nameserver', NAMESERVER_KEYS, () => nameserver],
] as const

describe.each(ROLES)('%s', (role, walks, node) => {
  test('R32: no key is left out', () => {
    expect(Object.keys(walks).sort()).toEqual(
      settingsOf(role)
        .map(({ key }) => key)
        .sort(),
    )
  })

  for (const [key, { to, effect }] of Object.entries(walks)) {
    test(`R32: ${key} changes ${effect === undefined ? 'at a restart' : 'while it runs'}`, async () => {
      const before = await node().explain(key)
      expect(before.reload).toBe(effect === undefined ? 'at a restart' : 'while it runs')
      node().write({ [key]: to() })
      const { report, exitCode } = await node().reload()
      const keys = (changes: readonly { key: string }[]): string[] => changes.map((c) => c.key)
      expect(keys(report.applied)).toEqual(effect === undefined ? [] : [key])
      expect(keys(report.needsRestart)).toEqual(effect === undefined ? [key] : [])
      expect(exitCode).toBe(effect === undefined ? 7 : 0)
      const [change] = [...report.applied, ...report.needsRestart]
      expect(change?.before).toBe(before.value)
      const after = await node().explain(key)
      expect(change?.after).toBe(after.value)
      expect(after.value).not.toBe(before.value)
      expect(after.origin).toStartWith(`${node().path}:`)
      await effect?.(node())
      node().write({})
      const restored = await node().reload()
      expect(keys(restored.report.needsRestart)).toEqual([])
    })
  }

  test('R32: what needs a restart is in force after one', async () => {
    const changes: Record<string, string> = {}
    for (const [key, { to, effect }] of Object.entries(walks)) {
      if (effect === undefined) changes[key] = to()
    }
    node().write(changes satisfies Keys)
    const { report } = await node().reload()
    expect(report.needsRestart.map(({ key }) => key).sort()).toEqual(Object.keys(changes).sort())
    await node().stop()
    await node().start()
    const again = await node().reload()
    expect(again.report.needsRestart).toEqual([])
    expect(again.report.applied).toEqual([])
    expect(node().node.readyLine).toContain(
      role === 'broker' ? 'broker-z 127.0.0.2:' : ' 127.0.0.2:',
    )
  })
})

describe('explanations', () => {
  test('R32: every key of every role has type, default, meaning, value, origin and way to change', async () => {
    const { text } = await mqOk(['config', 'explain', '--json'], { cwd: folder.path })
    const rows = jsonLines<Explanation>(text)
    const wanted = SETTINGS.flatMap(({ key, roles }) => roles.map((role) => `${role}.${key}`))
    expect(rows.map(({ key, role }) => `${role}.${key}`)).toEqual(wanted)
    for (const row of rows) {
      for (const part of [row.type, row.default, row.value, row.origin]) expect(part).not.toBe('')
      expect(row.meaning.length).toBeGreaterThan(40)
      expect(row.origin).toBe('default')
      expect(row.value).toBe(row.default)
    }
  })

  test('R32: a value that comes from the environment or from nowhere says so', async () => {
    const words = ['config', 'explain', 'client.nameservers', '--json']
    const env = { MQ_NAMESERVER: 'a:1;b:2' }
    const [row] = jsonLines<Explanation>((await mqOk(words, { env, cwd: folder.path })).text)
    expect(row).toMatchObject({
      value: 'a:1,b:2',
      origin: 'MQ_NAMESERVER',
      reload: 'with the next command',
    })
    const { text } = await mqOk(['config', 'explain', 'advertise'], { cwd: folder.path })
    expect(text).toStartWith('advertise (broker)\n  meaning  Address clients are told to use')
    expect(text).toContain('  value    -, from default\n')
    expect(text).toContain('  changes  at a restart')
  })
})
