// Goal: each duty of a peer is judged by its own clock. Method: the pure judge, told what happened;
// every complaint one millisecond before it is due and when it is.

import { expect, test } from 'bun:test'
import { PeerWatch } from '../../src/remoting/peer-watch.ts'

const QUIET = { heldBytes: 0, outputBytes: 0, isReadPaused: false }
const HOLDING = { ...QUIET, heldBytes: 100_000 }

function watch(expectsFirstFrame: boolean): PeerWatch {
  return new PeerWatch({ nowMs: 0, expectsFirstFrame })
}

test('first frame: due on a server only, and bytes without a frame do not count', () => {
  const server = watch(true)
  server.noteReceived(4_000, { hadHeld: false, frameCount: 0 })
  expect(server.complaint(5_000, HOLDING)).toBeNull()
  expect(server.complaint(5_001, HOLDING)).toContain('no request within 5000 ms')
  server.noteReceived(5_001, { hadHeld: true, frameCount: 1 })
  expect(server.complaint(100_000, QUIET)).toBeNull()
  expect(watch(false).complaint(100_000, QUIET)).toBeNull()
})

test('a frame under way: 15 s in all, and a least rate after 5 s', () => {
  const peer = watch(false)
  peer.noteReceived(1_000, { hadHeld: false, frameCount: 0 })
  expect(peer.complaint(16_000, HOLDING)).toBeNull()
  expect(peer.complaint(16_001, HOLDING)).toContain('incomplete after 15000 ms')
  const slow = { ...QUIET, heldBytes: 5_000 }
  expect(peer.complaint(5_800, slow)).toBeNull()
  expect(peer.complaint(6_001, slow)).toContain('5000 bytes of a frame in 5001 ms are too slow')
  // The next frame has its own time.
  peer.noteReceived(6_000, { hadHeld: true, frameCount: 1 })
  expect(peer.complaint(11_000, slow)).toBeNull()
})

test('a frame is not late while we ourselves do not read', () => {
  const peer = watch(false)
  peer.noteReceived(0, { hadHeld: false, frameCount: 0 })
  expect(peer.complaint(20_000, { ...HOLDING, isReadPaused: true })).toBeNull()
  peer.noteResumed(20_000)
  expect(peer.complaint(35_000, HOLDING)).toBeNull()
  expect(peer.complaint(35_001, HOLDING)).toContain('incomplete')
})

test('output: any progress starts the time anew', () => {
  const peer = watch(false)
  peer.noteWritten(1_000, { before: 500, left: 500 })
  peer.noteWritten(20_000, { before: 500, left: 500 })
  expect(peer.complaint(31_000, QUIET)).toBeNull()
  expect(peer.complaint(31_001, { ...QUIET, outputBytes: 500 })).toBe(
    '500 bytes unread for 30000 ms',
  )
  peer.noteWritten(31_000, { before: 500, left: 499 })
  expect(peer.complaint(61_000, QUIET)).toBeNull()
  peer.noteWritten(61_000, { before: 499, left: 0 })
  expect(peer.complaint(500_000, QUIET)).toBeNull()
})

test('idle: bytes in either direction count', () => {
  const peer = watch(false)
  expect([peer.isIdle(120_000), peer.isIdle(120_001)]).toEqual([false, true])
  peer.noteReceived(100_000, { hadHeld: false, frameCount: 1 })
  expect(peer.isIdle(220_000)).toBe(false)
  peer.noteWritten(200_000, { before: 10, left: 0 })
  expect([peer.isIdle(320_000), peer.isIdle(320_001)]).toEqual([false, true])
  peer.noteWritten(320_001, { before: 10, left: 10 })
  expect(peer.isIdle(320_001)).toBe(true)
})
