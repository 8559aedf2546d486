// Goal: ids made one after the other are those of the protocol. Method: compared with the general
// encoder, at the edges of what is kept from one id to the next.

import { expect, test } from 'bun:test'
import { MessageIds } from '../../src/broker/message-ids.ts'
import { UniqueKeys } from '../../src/broker/unique-keys.ts'
import { seededRandom } from '../../src/core/random.ts'
import { offsetMessageId } from '../../src/remoting/stored-message.ts'

const HOST = 0x0a00_0001

test('an offset message id is address and position, whatever came before', () => {
  const ids = new MessageIds({ host: HOST, port: 10_911 })
  const positions = [0, 1, 255, 256, 255, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 77, 3]
  for (const position of positions) {
    expect(ids.idOf(position)).toBe(offsetMessageId(HOST, 10_911, position))
  }
})

test('unique keys have the length clients expect and do not repeat', () => {
  const first = new UniqueKeys({ storeHost: HOST, random: seededRandom(1) })
  const second = new UniqueKeys({ storeHost: HOST, random: seededRandom(2) })
  const keys = Array.from({ length: 1_000 }, () => [first.next(), second.next()]).flat()
  expect(new Set(keys).size).toBe(2_000)
  for (const key of keys) expect(key).toMatch(/^0A000001[0-9A-F]{24}$/)
})
