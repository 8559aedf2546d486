// Goal: what clients call themselves, and what they subscribe to, cannot drive the terminal of whoever
// looks at them. Method: members that beat with escapes in every text, and the commands that show them.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { systemClock } from '../../src/core/clock.ts'
import { systemRandom } from '../../src/core/random.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { Channels } from '../../src/remoting/channels.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { encodeHeartbeat } from '../../src/remoting/heartbeat.ts'
import { jsonLines, mq, mqOk } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

setDefaultTimeout(60_000)

const EVIL = '\x1b]0;owned\x07\nwarning: all is well\r'

test('the members of a group', async () => {
  const cluster = await CliCluster.start()
  const { env } = cluster
  await mqOk(['topic', 'create', 't', '--queues', '2'], { env })
  const { text } = await mqOk(['cluster', '--json'], { env })
  const addresses = jsonLines<{ address: string }>(text).map(({ address }) => address)
  const members = [0, 1].map(
    () =>
      new Channels({
        network: bunNetwork,
        clock: systemClock,
        random: systemRandom,
        logger: recordingLogger(systemClock).logger,
      }),
  )
  for (const [at, channels] of members.entries()) {
    const body = encodeHeartbeat({
      clientId: `${EVIL}${at}`,
      producerGroups: [],
      consumers: [
        {
          group: 'g',
          consumeType: 'CONSUME_PASSIVELY',
          messageModel: 'CLUSTERING',
          consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
          subscriptions: [
            {
              topic: 't',
              expression: `${EVIL}${at}`,
              expressionType: 'TAG',
              tags: [],
              tagHashes: [],
              version: 1n,
            },
          ],
        },
      ],
    })
    for (const address of addresses) {
      await channels.call(address, REQUEST.heartbeat, { body, timeoutMs: 5_000 })
    }
  }
  for (const words of [['group', 'show', 'g'], ['doctor']]) {
    const { text: shown, stderr } = await mq(words, { env })
    const said = `${shown}${stderr}`
    expect(said).toContain('subscribe differently')
    for (const control of ['\x1b', '\x07', '\r']) expect(said).not.toContain(control)
    expect(said).not.toMatch(/^warning: all is well/m)
  }
  await Promise.all(members.map((channels) => channels.stop()))
  await cluster.stop()
})
