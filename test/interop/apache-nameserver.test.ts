// Goal: our broker is a member of an Apache cluster. Method: it registers at a real Apache nameserver of
// both generations; a Java client that knows only that nameserver sends and receives through our
// broker; a new topic, a clean stop and a restart each show in Apache's routes, and the messages
// are still there after it.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ApacheVersion, mqadmin, type Server, startApacheNameserver } from './peers/apache.ts'
import { createTopic, temporaryDir } from './peers/cluster.ts'
import { consumeWith, FOREIGN_CLIENTS, produceWith, type Target } from './peers/foreign-client.ts'
import { javaMissing } from './peers/maven.ts'
import { checkDelivery, type TestMessage, variedMessages } from './peers/messages.ts'
import { mq, type Node, startBroker } from './peers/mq.ts'
import { waitFor } from './peers/process.ts'

const VERSIONS: readonly ApacheVersion[] = ['5.3.3', '4.9.7']
const TOPIC = 'at-apache-nameserver'
const ROUTE_TIMEOUT_MS = 10_000

const missing = javaMissing()
if (missing !== null) process.stdout.write(`    Apache's nameserver is skipped: ${missing}\n`)

for (const version of VERSIONS) {
  describe.skipIf(missing !== null)(`Apache nameserver ${version}`, () => {
    let dir: string
    const sent: TestMessage[] = []
    let nameserver: Server
    let broker: Node
    let target: Target

    beforeAll(async () => {
      dir = temporaryDir()
      nameserver = await startApacheNameserver({ version, dir })
      broker = await startBroker({ dir, nameservers: [nameserver.address] })
      target = { nameserver: nameserver.address, topic: TOPIC, dir }
    })

    afterAll(async () => {
      await broker?.process.stop()
      await nameserver?.process.stop()
      rmSync(dir, { recursive: true, force: true })
    })

    const isRouted = async (): Promise<boolean> => {
      const { exitCode } = await mq(['route', TOPIC, '--nameservers', nameserver.address])
      return exitCode === 0
    }

    test('R61: a topic created at our broker is routed', async () => {
      await createTopic(nameserver.address, TOPIC, 4)
      await waitFor(`route of ${TOPIC}`, ROUTE_TIMEOUT_MS, async () =>
        (await isRouted()) ? true : null,
      )
      const { stdout } = await mqadmin({ version, dir: join(dir, 'admin') }, [
        ...['topicRoute', '-n', nameserver.address, '-t', TOPIC],
      ])
      expect(stdout).toContain(broker.address)
    })

    test('R22: it does not push, so it is asked, and a request it does not know is never sent to it', async () => {
      const { exitCode, stdout, stderr } = await mq([
        ...['route', TOPIC, '--watch', '--duration', '3s', '--verbose'],
        ...['--nameservers', nameserver.address],
      ])
      expect(exitCode).toBe(0)
      expect(stdout).toContain(broker.address)
      expect(stderr).toContain(
        `${nameserver.address} does not push changes, it is asked every second`,
      )
      expect(stderr).not.toContain('no answer')
    })

    for (const client of FOREIGN_CLIENTS.filter(({ name }) => name.startsWith('java'))) {
      test(`R61: ${client.name} sends and receives through our broker`, async () => {
        const prefix = `${client.name}-apache`
        const messages = variedMessages(prefix, 64 * 1024)
        await produceWith(client, target, { mode: 'sync', messages })
        sent.push(...messages)
        const received = await consumeWith(client, target, {
          group: `group-${client.name}`,
          count: sent.length,
        })
        expect(checkDelivery(sent, received).sentCount).toBe(sent.length)
      })
    }

    test('R61: a clean stop takes the broker out of the route, a restart brings it back', async () => {
      await broker.process.stop()
      await waitFor('removal of the route', ROUTE_TIMEOUT_MS, async () =>
        (await isRouted()) ? null : true,
      )
      broker = await startBroker({ dir, nameservers: [nameserver.address] })
      await waitFor('return of the route', ROUTE_TIMEOUT_MS, async () =>
        (await isRouted()) ? true : null,
      )
      const received = await consumeWith(FOREIGN_CLIENTS[0]!, target, {
        group: 'group-after-restart',
        count: sent.length,
      })
      expect(checkDelivery(sent, received).sentCount).toBe(sent.length)
    })
  })
}
