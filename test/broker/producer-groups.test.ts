// Goal: the producers of a group are those that beat and have not left. Method: each event alone.

import { expect, test } from 'bun:test'
import type { Client } from '../../src/broker/consumer-groups.ts'
import { ProducerGroups } from '../../src/broker/producer-groups.ts'

const one = { name: 'one' }
const two = { name: 'two' }

function clientOf(owner: { name: string }): Client<{ name: string }> {
  return { clientId: owner.name, owner, language: 0, version: 407 }
}

test('members come with heartbeats and go by goodbye, hang-up or silence', () => {
  const groups = new ProducerGroups<{ name: string }>()
  groups.heartbeat(clientOf(one), 'p', 0)
  groups.heartbeat(clientOf(two), 'p', 100)
  groups.heartbeat(clientOf(two), 'q', 100)
  const ids = (group: string): string[] => groups.members(group).map((member) => member.clientId)
  expect(ids('p')).toEqual(['one', 'two'])
  expect(groups.expiredOwners({ nowMs: 120, expiryMs: 120 })).toEqual([])
  expect(groups.expiredOwners({ nowMs: 121, expiryMs: 120 })).toEqual([one])
  groups.leave('p', one)
  groups.leave('nobody', one)
  expect(ids('p')).toEqual(['two'])
  groups.removeOwner(two)
  expect([ids('p'), ids('q')]).toEqual([[], []])
})
