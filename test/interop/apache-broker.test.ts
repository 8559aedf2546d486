// Goal: an Apache broker is a member of our cluster, and our commands work on it. Method: a real
// Apache broker of both generations registers at our nameserver; our CLI creates a topic on it,
// shows its route, produces and consumes; a Java client reads the same messages; killing the broker
// empties the route at once, because its connection closes (R6).

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { type ApacheVersion, type Server, startApacheBroker } from './peers/apache.ts'
import { createTopic, temporaryDir, waitForBroker } from './peers/cluster.ts'
import { consumeWith, FOREIGN_CLIENTS } from './peers/foreign-client.ts'
import { javaMissing } from './peers/maven.ts'
import { mq, type Node, startNameserver } from './peers/mq.ts'
import { waitFor } from './peers/process.ts'

const VERSIONS: readonly ApacheVersion[] = ['5.3.3', '4.9.7']
const TOPIC = 'at-apache-broker'
const LINES = ['first', 'Grüße, 世界', '  spaces  ', '{"a":1}', 'x'.repeat(10_000), 'last']
const ROUTE_TIMEOUT_MS = 15_000

const missing = javaMissing()
if (missing !== null) process.stdout.write(`    Apache's broker is skipped: ${missing}\n`)

for (const version of VERSIONS) {
  describe.skipIf(missing !== null)(`Apache broker ${version}`, () => {
    let dir: string
    let nameserver: Node
    let broker: Server

    beforeAll(async () => {
      dir = temporaryDir()
      nameserver = await startNameserver(dir)
      broker = await startApacheBroker({ version, dir, nameservers: [nameserver.address] })
      await waitForBroker(nameserver.address, broker.address)
    })

    afterAll(async () => {
      await broker?.process.stop()
      await nameserver?.process.stop()
      rmSync(dir, { recursive: true, force: true })
    })

    const at = (...args: string[]): string[] => [...args, '--nameservers', nameserver.address]
    const routeExitCode = async (): Promise<number> => (await mq(at('route', TOPIC))).exitCode

    test('R61: mq topic create makes a topic on it, mq route shows it', async () => {
      await createTopic(nameserver.address, TOPIC, 4)
      await waitFor(`route of ${TOPIC}`, ROUTE_TIMEOUT_MS, async () =>
        (await routeExitCode()) === 0 ? true : null,
      )
      const route = await mq(at('route', TOPIC))
      expect(route.stdout).toContain(broker.address)
      const list = await mq(at('topic', 'list'))
      expect(list.stdout).toContain(TOPIC)
    })

    test('R61: mq produce and mq consume work on it', async () => {
      const produced = await mq(at('produce', TOPIC), { stdin: `${LINES.join('\n')}\n` })
      expect({ exitCode: produced.exitCode, stdout: produced.stdout }).toEqual({
        exitCode: 0,
        stdout: '',
      })
      const consumed = await mq(
        at(
          ...['consume', TOPIC, '--group', 'mq-group', '--from', 'start'],
          ...['--count', String(LINES.length), '--timeout', '30s', '--format', '{body}'],
        ),
      )
      expect(consumed.exitCode).toBe(0)
      expect(consumed.stdout.split('\n').slice(0, -1).sort()).toEqual([...LINES].sort())
    })

    test('R61: a Java client finds it through our nameserver', async () => {
      const received = await consumeWith(
        FOREIGN_CLIENTS[0]!,
        { nameserver: nameserver.address, topic: TOPIC, dir },
        { group: 'java-group', count: LINES.length },
      )
      const bodies = received.map((message) => message.body.toString('utf8'))
      expect([...new Set(bodies)].sort()).toEqual([...LINES].sort())
    })

    test('R6, R61: a killed broker leaves the route at once', async () => {
      await broker.process.stop('SIGKILL')
      await waitFor('removal of the route', ROUTE_TIMEOUT_MS, async () =>
        (await routeExitCode()) === 3 ? true : null,
      )
    })
  })
}
