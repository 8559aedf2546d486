// The worker's end of a commit signal: ends or fails an append some milliseconds after it was asked
// to, and says whether the other side knows; or listens once, and says what it got.

import { CommitSignal } from '../../src/store/commit-signal.ts'

declare const self: Worker

function append(signal: CommitSignal, order: { delayMs: number; fails?: boolean; status: never }) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, order.delayMs)
  const isTold = order.fails ? signal.fail() : signal.end(order.status)
  return { kind: 'over', isTold: isTold === true }
}

self.onmessage = (event) => {
  const signal = new CommitSignal(event.data.memory)
  if (event.data.listenMs === undefined) self.postMessage(append(signal, event.data))
  else self.postMessage({ kind: 'listened', batch: signal.listen(event.data.listenMs) })
}
self.postMessage({ kind: 'ready' })
