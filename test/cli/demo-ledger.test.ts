// Goal: the demo's verdict sees each kind of fault and calls nothing else a fault.
// Method: one story per fault.

import { expect, test } from 'bun:test'
import { DemoLedger, isGood } from '../../src/cli/demo-ledger.ts'

const RECORDS = [
  { key: 'SFO', body: 'a' },
  { key: 'LAX', body: 'b' },
  { key: 'SFO', body: 'c' },
]

function ledgerOf(count = 3): DemoLedger {
  const ledger = new DemoLedger(RECORDS)
  for (let sequence = 0; sequence < count; sequence++) {
    ledger.noteSent(sequence)
    ledger.noteAcknowledged(sequence)
  }
  return ledger
}

function deliver(ledger: DemoLedger, sequence: number, timeMs: number, consumer = 'c1'): void {
  ledger.noteDelivery({ consumer, timeMs, sequence, ...ledger.record(sequence) })
}

test('everything once and in order is good', () => {
  const ledger = ledgerOf()
  for (const sequence of [0, 1, 2]) deliver(ledger, sequence, sequence)
  expect(ledger.verdict()).toEqual({
    sent: 3,
    acknowledged: 3,
    received: 3,
    lost: 0,
    duplicated: 0,
    outOfOrder: 0,
    wrong: 0,
    unacknowledgedButReceived: 0,
  })
  expect(isGood(ledger.verdict())).toBe(true)
})

test('an acknowledged message that does not come is lost; one without acknowledgement is not', () => {
  const ledger = ledgerOf()
  deliver(ledger, 0, 0)
  deliver(ledger, 1, 0)
  ledger.noteSent(3)
  expect(ledger.verdict()).toMatchObject({ sent: 4, lost: 1, received: 2 })
  expect(ledger.isComplete).toBe(false)
  expect(isGood(ledger.verdict())).toBe(false)
})

test('a message that was stored without an acknowledgement is told apart', () => {
  const ledger = ledgerOf(2)
  ledger.noteSent(2)
  for (const sequence of [0, 1, 2]) deliver(ledger, sequence, sequence)
  expect(ledger.verdict()).toMatchObject({ unacknowledgedButReceived: 1, lost: 0, wrong: 0 })
})

test('repetitions are counted, and do not disturb the order', () => {
  const ledger = ledgerOf()
  for (const sequence of [0, 2, 0, 2, 1]) deliver(ledger, sequence, 5)
  expect(ledger.verdict()).toMatchObject({ duplicated: 2, outOfOrder: 0 })
})

test('a later message of a key before an earlier one is out of order', () => {
  const ledger = ledgerOf()
  for (const sequence of [2, 0, 1]) deliver(ledger, sequence, 5)
  expect(ledger.verdict().outOfOrder).toBe(1)
  expect(isGood(ledger.verdict())).toBe(false)
})

test('other keys do not matter for the order', () => {
  const ledger = ledgerOf()
  for (const sequence of [1, 0, 2]) deliver(ledger, sequence, 5)
  expect(ledger.verdict().outOfOrder).toBe(0)
})

test('between consumers the stamps decide, not the order in which their pipes are read', () => {
  const good = ledgerOf()
  deliver(good, 2, 20, 'c2')
  deliver(good, 0, 10, 'c1')
  deliver(good, 1, 10, 'c1')
  expect(good.verdict().outOfOrder).toBe(0)
  const bad = ledgerOf()
  deliver(bad, 0, 20, 'c1')
  deliver(bad, 2, 10, 'c2')
  expect(bad.verdict().outOfOrder).toBe(1)
})

test('changed content, a changed key and an invented message are wrong', () => {
  const ledger = ledgerOf()
  ledger.noteDelivery({ consumer: 'c1', timeMs: 0, sequence: 0, key: 'SFO', body: 'x' })
  ledger.noteDelivery({ consumer: 'c1', timeMs: 0, sequence: 1, key: 'SFO', body: 'b' })
  ledger.noteDelivery({ consumer: 'c1', timeMs: 0, sequence: 7, key: 'LAX', body: 'b' })
  ledger.noteDelivery({ consumer: 'c1', timeMs: 0, sequence: Number.NaN, key: '', body: '' })
  expect(ledger.verdict()).toMatchObject({ wrong: 4, received: 0, lost: 3 })
})

test('nothing acknowledged proves nothing', () => {
  expect(isGood(new DemoLedger(RECORDS).verdict())).toBe(false)
})
