// Goal: a full disk refuses sends with the documented code, keeps serving what was acknowledged, and
// loses none of it. Method: a broker whose data folder is a small tmpfs, mounted in a namespace of its
// own; where the kernel does not allow that, there is no such disk and the test says so.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { seededRandom } from '../../src/core/random.ts'
import { lines, mq, mqOk, TempFolder } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

const folder = new TempFolder('full-disk')
const disk = folder.join('disk')
mkdirSync(disk)
const onSmallDisk = [
  'unshare',
  '-rm',
  'sh',
  '-c',
  `mount -t tmpfs -o size=8m none '${disk}' && exec "$@"`,
  'sh',
]
const canMount = Bun.spawnSync([...onSmallDisk, 'true']).exitCode === 0
if (!canMount) process.stderr.write('full-disk.test.ts: this machine cannot mount a tmpfs\n')

test.skipIf(!canMount)('a full disk: refused, said so, nothing acknowledged is lost', async () => {
  const nameserver = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'])
  const env = { MQ_NAMESERVER: nameserver.address }
  const broker = await CliNode.start(
    [
      ...['broker', '--listen', '127.0.0.1:0', '--nameservers', nameserver.address],
      ...['--data', `${disk}/data`],
    ],
    { prefix: onSmallDisk },
  )
  await mqOk(['topic', 'create', 'full', '--queues', '1'], { env })
  const random = seededRandom(1)
  const input = Array.from({ length: 16_000 }, () => random.hex(500))
  const words = ['produce', 'full', '--receipts', '--timeout', '2s', '--in-flight', '64']
  const sent = await mq(words, { env, stdin: input.join('\n') })
  expect(sent.stderr).toContain('database or disk is full')
  expect(sent.exitCode).toBe(7)
  const acknowledged = lines(sent.text).length
  expect(acknowledged).toBeGreaterThan(0)
  const large = { env, stdin: Buffer.alloc(1_000_000, 'x') }
  const refused = await mq(['produce', 'full', '--whole', '--timeout', '2s'], large)
  expect(refused.exitCode).toBe(4)
  const stored = lines((await mqOk(['consume', 'full'], { env })).text)
  expect(stored.slice(0, acknowledged)).toEqual(input.slice(0, acknowledged))
  await broker.stop()
  await nameserver.stop()
  folder.remove()
})
