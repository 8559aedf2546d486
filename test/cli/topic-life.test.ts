// Goal: deleting and making topics with real processes: a broker that is away is named and does not
// bring the topic back, and a command that is killed leaves nothing half (R49, R50, R51). Method: one
// nameserver and two brokers as processes of their own, killed with SIGKILL; brokers beat every 500 ms.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { EXIT } from '../../src/core/errors.ts'
import { cleanEnvironment, lines, MQ, mq, mqOk, rows, TempFolder } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(90_000)

const SETTLED_MS_MAX = 20_000
const folder = new TempFolder('topic-life')
const nodes = new Map<string, CliNode>()
let nameserver = ''

const env = (): Record<string, string> => ({ MQ_NAMESERVER: nameserver })

async function startNameserver(listen = '127.0.0.1:0'): Promise<void> {
  const node = await CliNode.start(['nameserver', '--listen', listen], { cwd: folder.path })
  nodes.set('nameserver', node)
  nameserver = node.address
}

async function startBroker(name: string): Promise<void> {
  const where = ['--listen', '127.0.0.1:0', '--data', folder.join(name)]
  const pace = ['--heartbeat-interval', '500ms']
  const node = await CliNode.start(
    ['broker', '--name', name, '--nameservers', nameserver, ...where, ...pace],
    { cwd: folder.path },
  )
  nodes.set(name, node)
}

async function kill(name: string): Promise<void> {
  await nodes.get(name)?.stop('SIGKILL')
  nodes.delete(name)
}

/** Asks until the answer is as wanted; the last answer, if it never is. */
async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + SETTLED_MS_MAX
  for (;;) {
    const answer = await ask()
    if (isWanted(answer) || performance.now() > deadline) return answer
    await Bun.sleep(50)
  }
}

/** Broker → queues, as the nameserver routes it; empty without a route. */
async function routed(topic: string): Promise<Record<string, number>> {
  const { text, exitCode } = await mq(['route', topic, '--json'], { env: env() })
  if (exitCode !== EXIT.ok) return {}
  const found = lines(text).map((line) => JSON.parse(line))
  return Object.fromEntries(found.map((row) => [row.brokerName, row.writeQueueCount]))
}

beforeAll(async () => {
  await startNameserver()
  await Promise.all(['broker-a', 'broker-b'].map(startBroker))
})
afterAll(async () => {
  for (const name of ['broker-a', 'broker-b', 'nameserver']) await nodes.get(name)?.stop()
  rmSync(folder.path, { recursive: true, force: true })
})

describe('a broker that is away', () => {
  test('R50, R51: is named (exit 7), and brings nothing back, also to a nameserver that was restarted', async () => {
    await mqOk(['topic', 'create', 'orders', '--queues', '4'], { env: env() })
    await mqOk(['produce', 'orders', '--body', 'old'], { env: env() })
    await kill('broker-b')
    const deleted = await mq(['topic', 'delete', 'orders'], { env: env() })
    expect(deleted.stderr).toContain('broker-b')
    expect(deleted.exitCode).toBe(EXIT.partial)
    expect(rows(deleted.text)).toEqual([['orders', 'broker-a']])
    const again = await mq(['topic', 'delete', 'orders'], { env: env() })
    expect(again.exitCode).toBe(EXIT.notFound)

    const address = nameserver
    await kill('nameserver')
    await startNameserver(address)
    await eventually(
      async () => (await mq(['cluster'], { env: env() })).text,
      (text) => text.includes('broker-a'),
    )
    await startBroker('broker-b')
    expect(await routed('orders')).toEqual({})
    const sent = await mq(['produce', 'orders', '--body', 'late'], { env: env() })
    expect(sent.exitCode).toBe(EXIT.notFound)
    // Three heartbeats, so that it has offered what it still believes in, if it does.
    await Bun.sleep(1_500)
    expect(await routed('orders')).toEqual({})

    // Made anew, on both: nothing of the old one is there.
    await mqOk(['topic', 'create', 'orders', '--queues', '4'], { env: env() })
    expect(await routed('orders')).toEqual({ 'broker-a': 2, 'broker-b': 2 })
    await mqOk(['produce', 'orders', '--body', 'new'], { env: env() })
    const read = await mqOk(['consume', 'orders', '--from', 'start', '--count', '1'], {
      env: env(),
    })
    expect(read.text).toBe('new\n')
  })
})

describe('a command that is killed', () => {
  test('R49, R50: leaves a topic that is whole or none, whenever it is', async () => {
    const run = async (words: string[], killAfterMs: number): Promise<void> => {
      const child = Bun.spawn([...MQ, ...words], {
        env: cleanEnvironment(env()),
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: 'ignore',
      })
      await Promise.race([child.exited, Bun.sleep(killAfterMs)])
      child.kill('SIGKILL')
      await child.exited
    }
    const isEven = (route: Record<string, number>): boolean =>
      route['broker-a'] === route['broker-b']
    // How long a command takes here, so that the kills are spread over it.
    const startedMs = performance.now()
    await mqOk(['topic', 'create', 'measure', '--queues', '4'], { env: env() })
    const tookMs = performance.now() - startedMs
    for (let at = 1; at <= 8; at++) {
      const topic = `half-${at}`
      const whole = { 'broker-a': 2, 'broker-b': 2 }
      await run(['topic', 'create', topic, '--queues', '4'], (at / 8) * tookMs)
      expect(isEven(await eventually(() => routed(topic), isEven))).toBe(true)
      const made = await mq(['topic', 'create', topic, '--queues', '4'], { env: env() })
      expect([EXIT.ok, EXIT.refused]).toContain(made.exitCode as 0)
      expect(await routed(topic)).toEqual(whole)
      await run(['topic', 'delete', topic], (at / 8) * tookMs)
      expect(isEven(await eventually(() => routed(topic), isEven))).toBe(true)
      const deleted = await mq(['topic', 'delete', topic], { env: env() })
      expect([EXIT.ok, EXIT.notFound]).toContain(deleted.exitCode as 0)
      expect(await routed(topic)).toEqual({})
    }
  })
})
