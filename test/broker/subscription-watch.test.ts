// Goal: a crowd that joins a group does not hold the broker up. Method: thousands of members, one after
// the other, and how long that takes for twice as many; what is noticed is in member-handlers.test.ts.

import { expect, test } from 'bun:test'
import { ConsumerGroups } from '../../src/broker/consumer-groups.ts'
import { SubscriptionWatch } from '../../src/broker/subscription-watch.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

const TOPICS = ['T', 'U', 'V']

function joinMs(count: number): number {
  const clock = new VirtualClock()
  const groups = new ConsumerGroups<object>()
  const watch = new SubscriptionWatch({ clock, groups, logger: recordingLogger(clock).logger })
  const startedMs = performance.now()
  for (let i = 0; i < count; i++) {
    const client = { clientId: `c${i}`, language: 0, version: 1, owner: {} }
    const data = {
      group: 'g',
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      subscriptions: TOPICS.map((topic) => ({
        topic,
        expression: '*',
        expressionType: 'TAG',
        tags: [],
        tagHashes: [],
        version: 1n,
      })),
    }
    groups.heartbeat(client, data, 0)
    watch.look('g')
  }
  expect(watch.unequalForMs('g')).toBeNull()
  return performance.now() - startedMs
}

test('two thousand equal members join in a moment', () => {
  // 16 s when all members were listed anew for each that came, for each topic.
  expect(joinMs(2_000)).toBeLessThan(2_000)
})
