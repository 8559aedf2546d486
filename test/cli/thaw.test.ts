// Goal: a node that was frozen goes on when it is thawed, though clients came and went meanwhile: the
// system hands it connections whose other end is long gone. Method: real nodes, SIGSTOP, connections that
// are reset before anybody accepted them, SIGCONT, and a question.

import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { systemClock } from '../../src/core/clock.ts'
import { parseAddress } from '../../src/remoting/address.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import type { Stream } from '../../src/remoting/network.ts'
import { mq, TempFolder } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'

setDefaultTimeout(60_000)

const VISITORS = 20
const folder = new TempFolder('thaw')
afterAll(() => folder.remove())

async function visitAndVanish(address: string): Promise<void> {
  const handlers = { onData() {}, onDrain() {}, onClose() {} }
  const streams: Stream[] = []
  for (let i = 0; i < VISITORS; i++) {
    const options = { timeoutMs: 5_000 }
    streams.push(await bunNetwork.connect(parseAddress(address), options, () => handlers))
  }
  for (const stream of streams) {
    stream.write(Buffer.from('anybody?'))
    stream.destroy()
  }
}

test('nameserver and broker live through being frozen while clients come and go', async () => {
  const nameserver = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'])
  const words = ['broker', '--listen', '127.0.0.1:0', '--nameservers', nameserver.address]
  const broker = await CliNode.start([...words, '--data', folder.join('a')])
  for (const node of [nameserver, broker]) {
    node.child.kill('SIGSTOP')
    await visitAndVanish(node.address)
    node.child.kill('SIGCONT')
  }
  const env = { MQ_NAMESERVER: nameserver.address }
  const deadlineMs = systemClock.monoMs() + 20_000
  let exitCode = 1
  while (exitCode !== 0 && systemClock.monoMs() < deadlineMs) {
    exitCode = (await mq(['topic', 'create', `t-${systemClock.wallMs()}`], { env })).exitCode
  }
  expect(exitCode).toBe(0)
  expect([nameserver.child.exitCode, broker.child.exitCode]).toEqual([null, null])
  await broker.stop()
  await nameserver.stop()
})
