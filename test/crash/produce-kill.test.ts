// Goal: a sender killed at any moment has not been told of a message that is not there. Method: kill
// -9 of `mq produce --receipts` after a random number of receipts; each must be in the topic, at its
// place, with its content.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { systemRandom } from '../../src/core/random.ts'
import { cleanEnvironment, jsonLines, lines, MQ, mqOk } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let cluster: CliCluster

beforeAll(async () => {
  cluster = await CliCluster.start()
})
afterAll(async () => {
  await cluster.stop()
})

interface Receipt {
  brokerName: string
  queueId: number
  queueOffset: number
}

test('every receipt stands for a message that is there', async () => {
  const file = `${cluster.folder.path}/in.txt`
  writeFileSync(file, Array.from({ length: 200_000 }, (_, i) => `line ${i}`).join('\n'))
  for (let round = 0; round < 3; round++) {
    const topic = `killed-${round}`
    await mqOk(['topic', 'create', topic, '--queues', '4'], { env: cluster.env })
    const child = Bun.spawn([...MQ, 'produce', topic, '--receipts', '--file', file], {
      env: cleanEnvironment(cluster.env),
      stdout: 'pipe',
      stderr: 'ignore',
    })
    const enough = 1 + systemRandom.below(200_000)
    let said = ''
    for await (const chunk of child.stdout as ReadableStream<Uint8Array> &
      AsyncIterable<Uint8Array>) {
      said += Buffer.from(chunk).toString()
      if (said.length > enough) child.kill('SIGKILL')
    }
    const receipts = jsonLines<Receipt>(said.slice(0, said.lastIndexOf('\n') + 1))
    expect(receipts.length).toBeGreaterThan(0)
    const format = '{broker}:{queue}@{offset} {body}'
    const { text } = await mqOk(['consume', topic, '--format', format], { env: cluster.env })
    const stored = new Set(lines(text))
    const missing = receipts.filter(
      ({ brokerName, queueId, queueOffset }, i) =>
        !stored.has(`${brokerName}:${queueId}@${queueOffset} line ${i}`),
    )
    expect(missing, `round ${round}, killed after ${enough} bytes`).toEqual([])
  }
})
