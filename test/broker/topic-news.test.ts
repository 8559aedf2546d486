// Goal: what a nameserver says of deleted topics cannot outlive what is honest: a deletion that is still
// to come is one of now. Method: the news with a broker's state and clock, burials only recorded.

import { expect, test } from 'bun:test'
import { BrokerState } from '../../src/broker/state.ts'
import { TopicNews } from '../../src/broker/topic-news.ts'
import type { Topics } from '../../src/broker/topics.ts'
import type { BuriedTopic } from '../../src/remoting/topic-life.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

test('R50: a deletion dated after now is taken as one of now', () => {
  const clock = new VirtualClock()
  const taken: BuriedTopic[] = []
  const topics = {
    bury: async (graves: readonly BuriedTopic[]) => void taken.push(...graves),
  } as unknown as Topics
  const { logger } = recordingLogger(clock)
  const news = new TopicNews({ state: new BrokerState(), topics, clock, logger })
  const nowMs = clock.wallMs()
  const buried = [
    { name: 't', birthId: 'a', deletedMs: nowMs + 10 ** 12 },
    { name: 't', birthId: 'b', deletedMs: nowMs - 5 },
  ]
  news.heard({ buried, missing: [], twins: [] })
  expect(taken.map(({ deletedMs }) => deletedMs - nowMs)).toEqual([0, -5])
})
