// Goal: another configuration file is in force without a restart and without a failed send, or is
// refused whole (R32). Method: nodes through the executable, their files edited while they run; a
// producer that never retries sends all the time.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { renameSync, writeFileSync } from 'node:fs'
import { Admin } from '../../src/client/admin.ts'
import { Client } from '../../src/client/client.ts'
import { Producer } from '../../src/client/producer.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { systemRandom } from '../../src/core/random.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { jsonLines, mq, mqOk, TempFolder } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'
import { until } from '../support/fake-nameserver.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let folder: TempFolder
let nameservers: CliNode[]
const started: CliNode[] = []

beforeAll(async () => {
  folder = new TempFolder('reload')
  nameservers = await Promise.all(
    [1, 2, 3].map(() => CliNode.start(['nameserver', '--listen', '127.0.0.1:0'])),
  )
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.stop()))
})
afterAll(async () => {
  await Promise.all(nameservers.map((node) => node.stop()))
  folder.remove()
})

const addressOf = (index: number): string => nameservers[index]?.address ?? ''

function write(name: string, seeds: readonly string[], ...more: string[]): string {
  const path = folder.join(`${name}.toml`)
  const lines = [
    `nameservers = ${JSON.stringify(seeds)}`,
    `name = "${name}"`,
    'listen = "127.0.0.1:0"',
    `data = "${folder.join(name)}"`,
    ...more,
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

async function startBroker(path: string, ...more: string[]): Promise<CliNode> {
  const node = await CliNode.start(['broker', '--config', path, ...more])
  started.push(node)
  return node
}

async function brokersAt(nameserver: string): Promise<string[]> {
  const { text } = await mq(['cluster', '--json', '--nameservers', nameserver])
  return jsonLines<{ brokerName: string }>(text).map(({ brokerName }) => brokerName)
}

function newClient(): Client {
  return new Client({
    nameservers: nameservers.map(({ address }) => address),
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger: new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'test' }),
  })
}

test('R32: new seeds by mq reload under load: same process, no failed send', async () => {
  const path = write('under-load', [addressOf(0)])
  const node = await startBroker(path)
  const client = newClient()
  await new Admin(client).topics.create({ topic: 'load', queueCount: 4 })
  const producer = new Producer(client, { retries: 0 })
  const failures: unknown[] = []
  const sends: Promise<unknown>[] = []
  const timer = setInterval(() => {
    const sent = producer.send({ topic: 'load', body: Buffer.from('x') })
    sends.push(sent.catch((error) => failures.push(error)))
  }, 5)
  for (const seeds of [[0, 1], [1, 2], [2], [2, 0]]) {
    write('under-load', seeds.map(addressOf))
    const { text } = await mqOk(['reload', '--json', node.address])
    expect(jsonLines(text)).toMatchObject([
      {
        node: 'broker under-load',
        processId: node.child.pid,
        applied: [{ key: 'nameservers', after: seeds.map(addressOf).join() }],
        needsRestart: [],
        refusal: null,
      },
    ])
    for (const index of [0, 1, 2]) {
      await until(`nameserver ${index} for ${seeds}`, async () => {
        const isListed = (await brokersAt(addressOf(index))).includes('under-load')
        return isListed === seeds.includes(index)
      })
    }
  }
  clearInterval(timer)
  await Promise.all(sends)
  await producer.close()
  await client.close()
  expect(failures).toEqual([])
  expect(sends.length).toBeGreaterThan(100)
  expect(node.child.exitCode).toBe(null)
})

test('R32: the fields of mq reload --json are those of docs/JSON.md', async () => {
  const node = await startBroker(write('fields', [addressOf(0)]))
  const { text } = await mqOk(['reload', '--json', node.address])
  expect(Object.keys(jsonLines<object>(text)[0] ?? {})).toEqual([
    ...['address', 'node', 'processId', 'path'],
    ...['applied', 'needsRestart', 'overridden', 'refusal'],
  ])
})

test('R32: SIGHUP does the same, and the log says so', async () => {
  const path = write('by-signal', [addressOf(0)])
  const node = await startBroker(path)
  write('by-signal', [addressOf(1)])
  node.child.kill('SIGHUP')
  await node.logged(`reloaded ${path}: nameservers ${addressOf(0)} → ${addressOf(1)}`)
  await until('the new nameserver knows it', async () =>
    (await brokersAt(addressOf(1))).includes('by-signal'),
  )
  expect(node.child.exitCode).toBe(null)
})

test('R32: a file with a mistake is refused whole, by line and key; the old values stay', async () => {
  const path = write('refused', [addressOf(0)])
  const node = await startBroker(path)
  write('refused', [addressOf(1)], 'retention = "soon"')
  const { exitCode, stderr, text } = await mq(['reload', node.address])
  expect(exitCode).toBe(2)
  expect(stderr).toContain(`error: ${path}:5: retention is "soon", expected a duration`)
  expect(stderr).toContain(`try: fix that line, then: mq config check ${path}`)
  expect(text).toBe('')
  node.child.kill('SIGHUP')
  await node.logged(/not reloaded, everything stays: .*:5: retention is "soon"/)
  expect(await brokersAt(addressOf(1))).not.toContain('refused')
  expect(await brokersAt(addressOf(0))).toContain('refused')
  // Once it is right again, it counts.
  write('refused', [addressOf(1)], 'retention = "48h"')
  const { text: row } = await mqOk(['reload', node.address])
  expect(row).toContain('retention: 72h → 48h')
})

test('R32: keys that need a restart are named, the others are in force', async () => {
  const path = write('mixed', [addressOf(0)], 'flush = "sync"')
  const node = await startBroker(path)
  write('mixed', [addressOf(0)], 'flush = "async"', 'retention = "48h"')
  for (const applied of [[{ key: 'retention', before: '72h', after: '48h' }], []]) {
    const { exitCode, text } = await mq(['reload', '--json', node.address])
    expect(exitCode).toBe(7)
    expect(jsonLines(text)).toMatchObject([
      { applied, needsRestart: [{ key: 'flush', before: 'sync', after: 'async' }] },
    ])
  }
})

test('R32: what a flag says is not changed by the file, and that is said', async () => {
  const path = write('flagged', [addressOf(0)])
  const node = await startBroker(path, '--nameservers', addressOf(1))
  write('flagged', [addressOf(2)])
  const { exitCode, stderr } = await mq(['reload', node.address])
  expect(exitCode).toBe(0)
  expect(stderr).toContain('broker flagged keeps nameservers: --nameservers wins over the file')
  expect(await brokersAt(addressOf(2))).not.toContain('flagged')
})

test('R32: with watch-config a changed file is read by itself, however it was replaced', async () => {
  const path = write('watched', [addressOf(0)], 'watch-config = true')
  const node = await startBroker(path)
  write('watched', [addressOf(0)], 'watch-config = true', 'retention = "48h"')
  await node.logged('retention 72h → 48h')
  const other = write('watched-next', [addressOf(0)], 'watch-config = false')
  renameSync(other, path)
  await node.logged('watch-config on → off')
  // From now on it waits for an order again.
  const from = node.log.length
  write('watched', [addressOf(0)], 'retention = "24h"')
  await Bun.sleep(2_500)
  expect(node.log.slice(from)).toBe('')
})

test('R32: mq reload without an address finds the nodes of the configuration', async () => {
  const place = new TempFolder('reload-here')
  const free = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'])
  await free.stop()
  writeFileSync(
    place.join('mq.toml'),
    `[nameserver]\nlisten = "${free.address}"\n[broker]\nlisten = "127.0.0.1:1"\n`,
  )
  const none = await mq(['reload'], { cwd: place.path })
  expect(none.exitCode).toBe(5)
  expect(none.stderr).toContain('try: name the node that runs')
  const node = await CliNode.start(['nameserver'], { cwd: place.path })
  started.push(node)
  const { text, stderr } = await mqOk(['reload', '--json'], { cwd: place.path })
  expect(jsonLines(text)).toMatchObject([{ address: free.address, node: 'nameserver' }])
  expect(stderr).toBe('')
  place.remove()
})

test('R32: a node without a file says so and goes on', async () => {
  const place = new TempFolder('no-file')
  const node = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'], { cwd: place.path })
  started.push(node)
  const { exitCode, stderr } = await mq(['reload', node.address])
  expect(exitCode).toBe(2)
  expect(stderr).toContain(`there is no configuration file ${place.join('mq.toml')}`)
  expect(node.child.exitCode).toBe(null)
  place.remove()
})

test('R32: SIGHUP to mq up reaches every node', async () => {
  const place = new TempFolder('up-reload')
  const path = place.join('all.toml')
  writeFileSync(path, 'retention = "72h"\nscan-interval = "10s"\n')
  const up = await CliNode.start([
    ...['up', '--port', '0', '--data', place.join('data'), '--config', path],
  ])
  started.push(up)
  writeFileSync(path, 'retention = "48h"\nscan-interval = "5s"\n')
  up.child.kill('SIGHUP')
  for (const broker of ['broker-a', 'broker-b']) {
    await up.logged(new RegExp(`${broker} .*reloaded .*retention 72h → 48h`))
  }
  for (const nameserver of ['nameserver-1', 'nameserver-2']) {
    await up.logged(new RegExp(`${nameserver} .*reloaded .*scan-interval 10s → 5s`))
  }
  expect(await up.stop()).toBe(0)
  place.remove()
})
