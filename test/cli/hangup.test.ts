// Goal: a node whose terminal is closed ends, one that was started with nohup does not, and an order by
// SIGHUP ends neither. Method: nodes in a terminal of their own, which is then closed.

import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { cleanEnvironment, MQ, mq, TempFolder } from '../support/cli.ts'
import { until } from '../support/fake-nameserver.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let folder: TempFolder
let child: Bun.Subprocess | null = null

afterEach(async () => {
  child?.kill('SIGKILL')
  await child?.exited
  folder.remove()
})

/** Resolves with the node's address and what it has printed in its terminal so far. */
async function startInTerminal(
  prefix: readonly string[],
): Promise<{ node: Bun.Subprocess; address: string; printed: () => string }> {
  folder = new TempFolder('hangup')
  let text = ''
  const node = Bun.spawn([...prefix, ...MQ, 'nameserver', '--listen', '127.0.0.1:0'], {
    cwd: folder.path,
    env: cleanEnvironment(),
    terminal: {
      data(_terminal, data) {
        text += Buffer.from(data).toString()
      },
    },
  })
  child = node
  const printed = (): string => {
    try {
      return text + readFileSync(folder.join('nohup.out'), 'utf8')
    } catch {
      return text
    }
  }
  const address = (): string | undefined => /ready nameserver (\S+)/.exec(printed())?.[1]
  await until('the node is ready', () => address() !== undefined)
  return { node, address: address() ?? '', printed }
}

test('R32: an order to reload ends nothing; closing the terminal does', async () => {
  const { node, printed } = await startInTerminal([])
  node.kill('SIGHUP')
  await until('it has tried to reload', () => printed().includes('not reloaded'))
  expect(node.exitCode).toBe(null)
  node.terminal?.close()
  expect(await node.exited).toBe(0)
})

test('R32: with nohup a node outlives its terminal, and still reloads', async () => {
  const { node, address, printed } = await startInTerminal(['nohup'])
  node.terminal?.close()
  await until('it takes the hangup for an order', () => printed().includes('not reloaded'))
  expect((await mq(['cluster', '--nameservers', address])).exitCode).toBe(0)
  expect(node.exitCode).toBe(null)
})
