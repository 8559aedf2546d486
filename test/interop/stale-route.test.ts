// Goal: a Java client with a route of before gets a code that it understands, and goes on by itself (R55).
// Method: a producer that asks for routes every 30 s, as Java clients do, sends without a break while the
// topic is deleted and made again on one of its two brokers. Until that is done there is no topic and
// sends fail, saying so; from then on half of what the producer believes is wrong, and none may fail.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTopic, temporaryDir, waitForBroker } from './peers/cluster.ts'
import { JAVA_CLIENT_VERSIONS, javaClientCommand } from './peers/java-client.ts'
import { javaMissing } from './peers/maven.ts'
import { mq, startBroker, startNameserver } from './peers/mq.ts'
import { Process, waitFor } from './peers/process.ts'

const TOPIC = 'anew'
const START_TIMEOUT_MS = 30_000
/** Less than the 30 s after which the client would learn of the change by asking. */
const RUN_MS = 10_000
const SENDS_AFTER_MIN = 100

const missing = javaMissing()
if (missing !== null) process.stdout.write(`    stale routes under Java are skipped: ${missing}\n`)

let dir: string
let running: Process[]

beforeEach(() => {
  dir = temporaryDir()
  running = []
})

afterEach(async () => {
  for (const each of running.reverse()) await each.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function startCluster(): Promise<string> {
  const { address: nameserver, process } = await startNameserver(dir)
  running.push(process)
  for (const name of ['mq-a', 'mq-b']) {
    const broker = await startBroker({ dir, name, nameservers: [nameserver] })
    running.push(broker.process)
    await waitForBroker(nameserver, broker.address)
  }
  return nameserver
}

function linesOf(producer: Process): string[] {
  return producer.output.split('\n').filter((line) => /^(sent|failed)\t/.test(line))
}

describe.skipIf(missing !== null)('R55', () => {
  for (const version of JAVA_CLIENT_VERSIONS) {
    test(`R55: java ${version} is told that its topic is elsewhere, and goes on by itself`, async () => {
      const nameserver = await startCluster()
      await createTopic(nameserver, TOPIC, 8)
      const input = join(dir, 'input.tsv')
      writeFileSync(input, `key\ttag\t\t${Buffer.from('steady').toString('base64')}\n`)
      const args = [
        ...['produce', '--mode', 'steady', '--group', 'steady', '--input', input],
        ...['--nameservers', nameserver, '--topic', TOPIC],
        ...['--for-ms', String(RUN_MS), '--pause-ms', '5'],
      ]
      const producer = Process.start({
        name: `java ${version} producer`,
        command: await javaClientCommand({ version, dir, args }),
        logPath: join(dir, 'producer.log'),
      })
      running.push(producer)
      await producer.waitForOutput(/^sent/m, START_TIMEOUT_MS)
      const deleted = await mq(['topic', 'delete', TOPIC, '--nameservers', nameserver])
      expect(deleted.exitCode, deleted.stderr).toBe(0)
      const count = linesOf(producer).length
      await waitFor('a send that fails', START_TIMEOUT_MS, () =>
        linesOf(producer).length > count && linesOf(producer).at(-1)?.startsWith('failed')
          ? true
          : null,
      )
      await createTopic(nameserver, TOPIC, 1)
      await producer.exit(RUN_MS + START_TIMEOUT_MS)
      const lines = linesOf(producer)
      const failures = lines.filter((line) => line.startsWith('failed'))
      // Both brokers were tried: the code says that another one may have the topic.
      for (const failure of failures) expect(failure).toContain('Send [3] times')
      const found = lines.findIndex((line, at) => at > count && line.startsWith('sent'))
      const after = lines.slice(found)
      expect(after.filter((line) => line.startsWith('failed'))).toEqual([])
      expect(after.length).toBeGreaterThan(SENDS_AFTER_MIN)
      process.stdout.write(
        `    ${failures.length} failed without a topic, then ${after.length} sent\n`,
      )
    })
  }
})
