// The worker's end of a commit signal: ends or fails an append some milliseconds after it was asked
// to, and says whether the other side knows.

import { CommitSignal } from '../../src/store/commit-signal.ts'

declare const self: Worker

self.onmessage = (event) => {
  const { memory, delayMs, fails, status } = event.data
  const signal = new CommitSignal(memory)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs)
  const isTold = fails ? signal.fail() : signal.end(status)
  self.postMessage({ kind: 'over', isTold: isTold === true })
}
self.postMessage({ kind: 'ready' })
