// Goal: nodes and commands find the nameservers behind a list (R31) and behind a name (R33), and follow
// the name while they run. Method: the executable, a DNS server on loopback, nameservers on one port of
// several loopback addresses.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { cleanEnvironment, jsonLines, MQ, mq, mqOk, TempFolder } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'
import { DnsServer } from '../support/dns-server.ts'
import { until } from '../support/fake-nameserver.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

const NAME = 'mq.test'

let folder: TempFolder
let dns: DnsServer
/** On 127.0.0.1, 127.0.0.2 and 127.0.0.3, all on one port. */
let nameservers: CliNode[]
let port: number
const started: CliNode[] = []

beforeAll(async () => {
  folder = new TempFolder('discovery')
  dns = await DnsServer.start()
  nameservers = await onOnePort(3)
  port = Number(nameservers[0]?.address.split(':')[1])
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.stop()))
})
afterAll(async () => {
  await Promise.all(nameservers.map((node) => node.stop()))
  await dns.stop()
  folder.remove()
})

/** A free port of one address may be taken on another: then with another. */
async function onOnePort(count: number): Promise<CliNode[]> {
  for (;;) {
    const nodes = [await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'])]
    const chosen = nodes[0]?.address.split(':')[1]
    for (let i = 2; i <= count; i++) {
      const listen = `127.0.0.${i}:${chosen}`
      const node = await CliNode.start(['nameserver', '--listen', listen]).catch(() => null)
      if (node !== null) nodes.push(node)
    }
    if (nodes.length === count) return nodes
    await Promise.all(nodes.map((node) => node.stop()))
  }
}

const at = (index: number): string => nameservers[index]?.address ?? ''

async function startBroker(name: string, seeds: string): Promise<CliNode> {
  const path = folder.join(`${name}.toml`)
  writeFileSync(
    path,
    [
      `nameservers = [${seeds}]`,
      `dns-server = "${dns.address}"`,
      '[broker]',
      `name = "${name}"`,
      'listen = "127.0.0.1:0"',
      `data = "${folder.join(name)}"`,
    ].join('\n'),
  )
  const node = await CliNode.start(['broker', '--config', path])
  started.push(node)
  return node
}

async function isKnownAt(nameserver: string, broker: string): Promise<boolean> {
  const { text } = await mq(['cluster', '--json', '--nameservers', nameserver])
  return jsonLines<{ brokerName: string }>(text).some(({ brokerName }) => brokerName === broker)
}

test('R33: a broker registers behind both addresses of a name, and follows it without a restart', async () => {
  dns.set(NAME, ['127.0.0.1', '127.0.0.2'])
  const node = await startBroker('follower', `"dns:${NAME}:${port}"`)
  expect(await isKnownAt(at(0), 'follower')).toBe(true)
  expect(await isKnownAt(at(1), 'follower')).toBe(true)
  expect(await isKnownAt(at(2), 'follower')).toBe(false)

  dns.set(NAME, ['127.0.0.2', '127.0.0.3'])
  const changedMs = performance.now()
  await until('the third knows it', () => isKnownAt(at(2), 'follower'))
  // The time to live is 1 s; nobody asks more often than every 5 s.
  expect(performance.now() - changedMs).toBeLessThan(15_000)
  await until('the first was told goodbye', async () => !(await isKnownAt(at(0), 'follower')))
  expect(await isKnownAt(at(1), 'follower')).toBe(true)

  dns.remove(NAME)
  await node.logged(`cannot look up nameservers: DNS server ${dns.address} has no address of`)
  const asked = dns.asked.length
  await until('it was asked for again, in vain', () => dns.asked.length >= asked + 2)
  expect(await isKnownAt(at(1), 'follower')).toBe(true)
  expect(await isKnownAt(at(2), 'follower')).toBe(true)
  expect(node.log.match(/cannot look up/g)).toHaveLength(1)
  expect(node.child.exitCode).toBe(null)
})

test('R33: commands find a cluster by its name', async () => {
  dns.set(NAME, ['127.0.0.1', '127.0.0.2'])
  await startBroker('named', `"dns:${NAME}:${port}"`)
  const seeds = ['--nameservers', `dns:${NAME}:${port}`, '--dns-server', dns.address]
  await mqOk(['topic', 'create', 'by-name', ...seeds])
  await mqOk(['produce', 'by-name', '--body', 'hello', ...seeds])
  expect((await mqOk(['consume', 'by-name', ...seeds])).text).toBe('hello\n')
  const { text } = await mqOk(['cluster', '--json', ...seeds])
  expect(jsonLines(text)).toMatchObject([{ brokerName: 'named', seenBy: [at(0), at(1)] }])
})

test('R33: a command that is told no nameserver says who was asked, and ends with 5', async () => {
  const seeds = ['--nameservers', `dns:nobody.test:${port}`, '--dns-server', dns.address]
  const { exitCode, stderr } = await mq(['cluster', ...seeds])
  expect(exitCode).toBe(5)
  expect(stderr).toContain(`DNS server ${dns.address} has no address of nobody.test`)
  expect(stderr).toContain(`error: no nameserver is known: dns:nobody.test:${port} led to none`)
  expect(stderr).toContain('try: ')
})

test('R33: a long command follows the name while it runs', async () => {
  dns.set(NAME, ['127.0.0.1'])
  await startBroker('long', `"${at(0)}", "${at(1)}"`)
  await mqOk(['topic', 'create', 'lines', '--nameservers', at(0)])
  const seeds = ['--nameservers', `dns:${NAME}:${port}`, '--dns-server', dns.address]
  const words = ['produce', 'lines', '--receipts', '--verbose', '--route-interval', '200ms']
  const child = Bun.spawn([...MQ, ...words, ...seeds], {
    env: cleanEnvironment(),
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let said = ''
  let receipts = ''
  const collect = (stream: ReadableStream<Uint8Array>, take: (text: string) => void): unknown =>
    stream.pipeTo(new WritableStream({ write: (chunk) => take(Buffer.from(chunk).toString()) }))
  collect(child.stdout, (text) => {
    receipts += text
  })
  collect(child.stderr, (text) => {
    said += text
  })
  const send = async (count: number): Promise<void> => {
    child.stdin.write('m\n')
    await child.stdin.flush()
    await until(`receipt ${count}`, () => receipts.split('\n').length > count)
  }
  await send(1)
  dns.set(NAME, ['127.0.0.2'])
  await until('it turns to the other', () => said.includes(`the nameservers are ${at(1)} now`))
  await send(2)
  child.stdin.end()
  expect(await child.exited).toBe(0)
})

const WRONG = (broker: string): string[] => [
  '127.0.0.1:1',
  'no-such-host.invalid:9876',
  broker,
  'dns:nobody.test:9876',
]

test.each([[false], [true]])(
  'R31: wrong entries are named and the others used, whatever the order (turned: %p)',
  async (isTurned) => {
    const other = await startBroker(`other-${isTurned}`, `"${at(0)}"`)
    const wrong = WRONG(other.address)
    const seeds = [...wrong, at(0), `localhost:${port}`]
    if (isTurned) seeds.reverse()
    const name = `list-${isTurned}`
    const node = await startBroker(name, seeds.map((seed) => `"${seed}"`).join(', '))
    expect(await isKnownAt(at(0), name)).toBe(true)
    for (const entry of wrong) {
      const named = entry.startsWith('dns:') ? 'no address of nobody.test' : `nameserver ${entry}`
      await node.logged(named)
    }
    const listed = await mq([
      ...['cluster', '--json', '--nameservers', seeds.join(), '--dns-server', dns.address],
    ])
    expect(listed.exitCode).toBe(7)
    expect(listed.text).toContain(`"${name}"`)
    for (const entry of wrong.slice(0, 2)) expect(listed.stderr).toContain(entry)
  },
)
