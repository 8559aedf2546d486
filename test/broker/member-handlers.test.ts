// Goal: administrators learn what each member wants and holds, and members that subscribe differently are
// noticed at the heartbeat, in the log once per change. Method: peers that beat and answer as clients do,
// a broker on a log in memory, virtual time.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { RELAYS_PER_MEMBER_MAX } from '../../src/core/limits.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { decodeGroupView, type GroupView } from '../../src/remoting/group-view.ts'
import { BrokerWorld, createTopic, heartbeat } from '../support/broker-world.ts'
import type { WirePeer } from '../support/wire-peer.ts'

let world: BrokerWorld
let one: WirePeer
let two: WirePeer
let admin: WirePeer

beforeEach(async () => {
  world = new BrokerWorld()
  await world.start()
  one = world.peer('10.0.0.11')
  two = world.peer('10.0.0.12')
  admin = world.peer('10.0.0.13')
  await createTopic(admin, 'T')
})

afterEach(() => world.stop())

function beat(peer: WirePeer, clientId: string, expression: string): Promise<unknown> {
  return heartbeat(peer, { clientId, group: 'g', topics: [{ topic: 'T', expression }] })
}

async function view(): Promise<GroupView | number> {
  const answer = await admin.ask(REQUEST.describeGroup, { consumerGroup: 'g' })
  return answer.code === RESPONSE.success ? decodeGroupView(answer.body) : answer.code
}

describe('61030', () => {
  test('tells the subscriptions of each member by itself', async () => {
    await beat(one, 'c1', 'a')
    await beat(two, 'c2', 'b')
    await world.clock.advance(2_000)
    const shown = await view()
    if (typeof shown === 'number') throw new Error(`code ${shown}`)
    expect(shown.members.map(({ clientId, subscriptions }) => [clientId, subscriptions])).toEqual([
      ['c1', [{ topic: 'T', expression: 'a', expressionType: 'TAG' }]],
      ['c2', [{ topic: 'T', expression: 'b', expressionType: 'TAG' }]],
    ])
    expect(shown.unequalForMs).toBeGreaterThanOrEqual(2_000)
    expect(shown.members[0]?.lastHeartbeatAgeMs).toBeGreaterThanOrEqual(2_000)
  })

  test('says so when nobody is connected', async () => {
    expect(await view()).toBe(RESPONSE.consumerNotOnline)
  })
})

describe('members that subscribe differently', () => {
  const warnings = (): string[] => world.lines.filter((line) => line.includes('subscribe'))

  test('are in the log once, until something changes', async () => {
    for (let i = 0; i < 5; i++) {
      await beat(one, 'c1', 'a')
      await beat(two, 'c2', 'b')
      await world.clock.advance(30_000)
    }
    expect(warnings()).toHaveLength(1)
    expect(warnings()[0]).toContain('group g')
    expect(warnings()[0]).toContain('T: "a" (c1), "b" (c2)')
    await beat(two, 'c2', 'c')
    expect(warnings()).toHaveLength(2)
    await beat(two, 'c2', 'a')
    expect(warnings().at(-1)).toContain('the same again')
    expect(await view()).toMatchObject({ unequalForMs: null })
  })

  test('are no longer, when one of them is gone', async () => {
    await beat(one, 'c1', 'a')
    await beat(two, 'c2', 'b')
    expect(await view()).toMatchObject({ unequalForMs: expect.any(Number) })
    await two.hangUp()
    expect(await view()).toMatchObject({ unequalForMs: null })
  })

  test('are none, if they only say it in other words', async () => {
    await beat(one, 'c1', 'a || b')
    await beat(two, 'c2', 'b||a')
    expect(warnings()).toEqual([])
  })

  test('are not in the log again for members that change nothing about it', async () => {
    await beat(one, 'c0', 'a')
    for (let i = 1; i <= 9; i++) await beat(world.peer(`10.0.1.${i}`), `c${i}`, 'b')
    // c1 to c5 are named, one after the other; with c6 there are "more", and c7 to c9 are only more.
    expect(warnings()).toHaveLength(6)
  })

  test('that change all the time do not fill the log', async () => {
    await beat(one, 'c1', 'a')
    for (let i = 0; i < 200; i++) await beat(two, 'c2', `b${i}`)
    expect(warnings().length).toBeLessThan(30)
  })

  test('and then do not, again and again, do not fill the log either', async () => {
    await beat(one, 'c1', 'a')
    for (let i = 0; i < 200; i++) await beat(two, 'c2', i % 2 === 0 ? 'b' : 'a')
    expect(warnings().length).toBeLessThan(30)
  })

  test('in long words are cut off in the log', async () => {
    await beat(one, 'c1', 'a')
    await beat(two, 'c2', 'b'.repeat(100_000))
    expect(warnings()).toHaveLength(1)
    expect(warnings()[0]?.length).toBeLessThan(2_000)
  })
})

describe('307', () => {
  const ask = (fields: Record<string, string>) =>
    admin.ask(REQUEST.getConsumerRunningInfo, { jstackEnable: 'false', ...fields })

  test("passes the member's own answer on, and the question without anything it does not need", async () => {
    const asked: string[] = []
    const member = world.peer('10.0.0.14', {
      answers: (request) => {
        asked.push(
          `${request.code} ${request.fields['clientId']} ${request.fields['jstackEnable']} ${request.body.length}`,
        )
        return { code: RESPONSE.success, body: Buffer.from('{"mqTable":{}}') }
      },
    })
    await beat(member, 'c3', 'a')
    const fields = { jstackEnable: 'false', consumerGroup: 'g', clientId: 'c3' }
    const answer = await admin.ask(REQUEST.getConsumerRunningInfo, fields, Buffer.alloc(100_000))
    expect([answer.code, answer.body.toString()]).toEqual([0, '{"mqTable":{}}'])
    expect(asked).toEqual(['307 c3 false 0'])
  })

  test('a member that is not there, or belongs to another group', async () => {
    await beat(one, 'c1', 'a')
    for (const fields of [
      { consumerGroup: 'g', clientId: 'nobody' },
      { consumerGroup: 'other', clientId: 'c1' },
    ]) {
      const answer = await ask(fields)
      expect(answer.code).toBe(RESPONSE.systemError)
      expect(answer.remark).toContain('not online')
    }
  })

  test('a member that hangs up before it answers', async () => {
    const silent = world.peer('10.0.0.15', { listensTo: [REQUEST.getConsumerRunningInfo] })
    await beat(silent, 'c4', 'a')
    const answer = admin.begin(REQUEST.getConsumerRunningInfo, {
      consumerGroup: 'g',
      clientId: 'c4',
    })
    await world.clock.advance(100)
    expect(silent.requests).toHaveLength(1)
    await silent.hangUp()
    const { code, remark } = await world.clock.runFor(answer, 1_000)
    expect([code, remark]).toEqual([
      RESPONSE.systemError,
      expect.stringContaining('did not answer'),
    ])
  })

  test('a member that never answers is waited for 10 s', async () => {
    const silent = world.peer('10.0.0.15', { listensTo: [REQUEST.getConsumerRunningInfo] })
    await beat(silent, 'c4', 'a')
    const answer = admin.begin(REQUEST.getConsumerRunningInfo, {
      consumerGroup: 'g',
      clientId: 'c4',
    })
    const startedMs = world.clock.monoMs()
    const { code } = await world.clock.runFor(answer, 20_000)
    expect(code).toBe(RESPONSE.systemError)
    expect(world.clock.monoMs() - startedMs).toBeWithin(10_000, 12_000)
  })

  test('what is held for a member that never answers is bounded', async () => {
    const silent = world.peer('10.0.0.15', { listensTo: [REQUEST.getConsumerRunningInfo] })
    await beat(silent, 'c4', 'a')
    const fields = { consumerGroup: 'g', clientId: 'c4' }
    const ask = () => admin.begin(REQUEST.getConsumerRunningInfo, fields)
    const held = Array.from({ length: RELAYS_PER_MEMBER_MAX }, ask)
    const { remark } = await world.clock.runFor(ask(), 1_000)
    expect(remark).toContain(`${RELAYS_PER_MEMBER_MAX} questions`)
    await world.clock.runFor(Promise.all(held), 20_000)
    expect(silent.requests).toHaveLength(RELAYS_PER_MEMBER_MAX)
    const again = ask()
    await world.clock.advance(100)
    expect(silent.requests).toHaveLength(RELAYS_PER_MEMBER_MAX + 1)
    await world.clock.runFor(again, 20_000)
  })

  test('a member that does not know the question, and waits for messages, is not hung up on', async () => {
    const silent = world.peer('10.0.0.15', { listensTo: [REQUEST.getConsumerRunningInfo] })
    await beat(silent, 'c4', 'a')
    await world.clock.advance(100)
    const answer = admin.begin(REQUEST.getConsumerRunningInfo, {
      consumerGroup: 'g',
      clientId: 'c4',
    })
    await world.clock.runFor(answer, 20_000)
    await world.clock.advance(1_000)
    const shown = await view()
    if (typeof shown === 'number') throw new Error(`code ${shown}`)
    expect(shown.members.map(({ clientId }) => clientId)).toEqual(['c4'])
  })
})
