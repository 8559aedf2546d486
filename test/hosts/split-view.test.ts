// Goal: what the simulation says of nameservers that disagree (R11 to R14, R16, R19) is so on real hosts: real
// kernels' TCP, a real rule that drops what one broker says to one nameserver. Method: six network
// namespaces behind a router; short intervals, so that minutes are seconds. The tests build on each other.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cleanEnvironment, jsonLines, lines, MQ, TempFolder } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'
import { Hosts } from '../support/hosts.ts'

setDefaultTimeout(90_000)

const MISSING = Hosts.missing()
const NAMES = ['ns1', 'ns2', 'a', 'b', 'c1', 'c2'] as const
const COUNT = 4_000

interface Result {
  stdout: string
  stderr: string
  exitCode: number
}

let hosts: Hosts
let folder: TempFolder
const nodes: CliNode[] = []
const ns = (name: 'ns1' | 'ns2'): string => `${hosts.address(name)}:9876`

/** A command of ours on one of the hosts. */
async function mqOn(host: string, args: string[], stdin?: string): Promise<Result> {
  const child = Bun.spawn([...hosts.on(host), ...MQ, ...args], {
    env: cleanEnvironment(),
    cwd: folder.path,
    stdin: stdin === undefined ? 'ignore' : Buffer.from(stdin),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, exitCode }
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 40_000
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`not within 40 s: ${what}`)
    await Bun.sleep(100)
  }
}

async function brokersAt(name: 'ns1' | 'ns2'): Promise<string[]> {
  const { stdout } = await mqOn('c1', ['route', 'orders', '--nameservers', ns(name), '--json'])
  return jsonLines<{ brokerName: string }>(stdout).map(({ brokerName }) => brokerName)
}

/** Sends the numbers from `from` on; how many each broker acknowledged. */
async function produce(
  host: string,
  nameserver: string,
  from: number,
): Promise<Record<string, number>> {
  const bodies = Array.from({ length: COUNT }, (_, i) => `${from + i}\n`).join('')
  const { stdout, stderr, exitCode } = await mqOn(
    host,
    ['produce', 'orders', '--nameservers', nameserver, '--receipts', '--route-interval', '1s'],
    bodies,
  )
  expect(`${stderr}${exitCode}`).toBe('0')
  const counts: Record<string, number> = {}
  for (const { brokerName } of jsonLines<{ brokerName: string }>(stdout)) {
    counts[brokerName] = (counts[brokerName] ?? 0) + 1
  }
  return counts
}

class Member {
  readonly #child: Bun.Subprocess<'pipe', 'pipe', 'ignore'>
  readonly #text: Promise<string>

  constructor(host: string, nameserver: string) {
    const args = [
      ...['consume', 'orders', '--group', 'order_consumer', '--from', 'start', '--follow'],
      ...['--nameservers', nameserver, '--route-interval', '1s', '--stop-with-stdin'],
    ]
    this.#child = Bun.spawn([...hosts.on(host), ...MQ, ...args], {
      env: cleanEnvironment(),
      cwd: folder.path,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    this.#text = new Response(this.#child.stdout).text()
  }

  /** Everything it printed. */
  async stop(): Promise<string[]> {
    this.#child.kill('SIGINT')
    await this.#child.exited
    return lines(await this.#text)
  }
}

interface GroupView {
  queues: { brokerName: string; queueId: number; owners: string[]; lag: number | null }[]
}

async function groupView(): Promise<GroupView | null> {
  const { stdout } = await mqOn('c1', [
    ...['group', 'show', 'order_consumer', '--nameservers', ns('ns1'), '--json'],
  ])
  return jsonLines<GroupView>(stdout)[0] ?? null
}

/** "broker-a:2" → the hosts whose members hold it. */
function ownersIn(view: GroupView | null): Map<string, string[]> {
  return new Map(
    (view?.queues ?? []).map(({ brokerName, queueId, owners }) => [
      `${brokerName}:${queueId}`,
      owners.map((id) => NAMES.find((name) => id.startsWith(`${hosts.address(name)}@`)) ?? id),
    ]),
  )
}

async function startNodes(): Promise<void> {
  for (const name of ['ns1', 'ns2'] as const) {
    const args = ['nameserver', '--listen', ns(name), '--broker-expiry', '3s']
    const prefix = hosts.on(name)
    nodes.push(await CliNode.start([...args, '--scan-interval', '500ms'], { prefix }))
  }
  for (const name of ['a', 'b'] as const) {
    const address = `${hosts.address(name)}:10911`
    const args = [
      ...['broker', '--name', `broker-${name}`, '--listen', address, '--data', folder.join(name)],
      ...['--nameservers', `${ns('ns1')},${ns('ns2')}`, '--heartbeat-interval', '1s'],
    ]
    nodes.push(await CliNode.start(args, { prefix: hosts.on(name), cwd: folder.path }))
  }
}

if (MISSING !== null) process.stdout.write(`    real hosts are skipped: ${MISSING}\n`)

describe.skipIf(MISSING !== null)('six hosts', () => {
  beforeAll(async () => {
    hosts = Hosts.create(NAMES)
    folder = new TempFolder('hosts')
    await startNodes()
    const { stderr, exitCode } = await mqOn('c1', [
      ...['topic', 'create', 'orders', '--queues', '8'],
      ...['--nameservers', `${ns('ns1')},${ns('ns2')}`],
    ])
    expect(`${stderr}${exitCode}`).toBe('0')
  })
  afterAll(async () => {
    for (const node of nodes.reverse()) await node.stop('SIGKILL')
    hosts?.remove()
    folder?.remove()
  })

  test('R11: both nameservers know everything, and not one packet goes between them', async () => {
    expect(await brokersAt('ns1')).toEqual(['broker-a', 'broker-b'])
    expect(await brokersAt('ns2')).toEqual(['broker-a', 'broker-b'])
    expect(hosts.packets('b', 'ns2')).toBeGreaterThan(0)
    expect([hosts.packets('ns1', 'ns2'), hosts.packets('ns2', 'ns1')]).toEqual([0, 0])
  })

  test('R12: one dropped direction, and they differ; the difference is shown with its ages', async () => {
    hosts.cut('b', 'ns2')
    await until(
      'ns2 lists broker-a only',
      async () => (await brokersAt('ns2')).join() === 'broker-a',
    )
    expect(await brokersAt('ns1')).toEqual(['broker-a', 'broker-b'])
    const both = `${ns('ns1')},${ns('ns2')}`
    const { stdout, exitCode } = await mqOn('c1', [
      'route',
      'orders',
      '--diff',
      '--nameservers',
      both,
    ])
    expect(exitCode).toBe(7)
    expect(stdout).toMatch(/broker-b.*\d+(\.\d+)? m?s ago/)
  })

  test('R13: producers on different nameservers lose nothing, only the balance', async () => {
    const [p1, p2] = await Promise.all([
      produce('c1', ns('ns1'), 0),
      produce('c2', ns('ns2'), COUNT),
    ])
    expect(p1).toEqual({ 'broker-a': COUNT / 2, 'broker-b': COUNT / 2 })
    expect(p2).toEqual({ 'broker-a': COUNT })
  })

  test('R14, R16, R19: orphaned and doubly owned queues, found, and gone after healing', async () => {
    // Members are sorted by their ids, which begin with their addresses: c1 is before c2.
    const first = new Member('c1', ns('ns1'))
    const second = new Member('c2', ns('ns2'))
    const split = {
      'broker-a:0': ['c1'],
      'broker-a:1': ['c1'],
      'broker-a:2': ['c1', 'c2'],
      'broker-a:3': ['c1', 'c2'],
      'broker-b:0': [],
      'broker-b:1': [],
      'broker-b:2': [],
      'broker-b:3': [],
    }
    await until('exactly the assignment of R14', async () =>
      Bun.deepEquals(Object.fromEntries(ownersIn(await groupView())), split),
    )
    const doctor = await mqOn('c1', ['doctor', '--nameservers', `${ns('ns1')},${ns('ns2')}`])
    expect(doctor.exitCode).toBe(1)
    expect(doctor.stdout).toContain('broker-b')

    hosts.heal()
    await until('every queue has one owner and is read to its end', async () => {
      const view = await groupView()
      const owners = [...ownersIn(view).values()]
      const isRead = view?.queues.every(({ lag }) => lag === 0) === true
      return isRead && owners.length === 8 && owners.every((held) => held.length === 1)
    })
    expect(await brokersAt('ns2')).toEqual(['broker-a', 'broker-b'])
    const printed = [...(await first.stop()), ...(await second.stop())]
    expect(new Set(printed).size).toBe(2 * COUNT)
    expect([hosts.packets('ns1', 'ns2'), hosts.packets('ns2', 'ns1')]).toEqual([0, 0])
  })
})
