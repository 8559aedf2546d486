// Lets the faults of a plan happen at their times, ends each after its time, and all of them at the end.

import type { BrokerNode } from './broker-node.ts'
import type { Chores } from './chores.ts'
import { describeFault, type Fault, type FaultKind } from './fault.ts'
import type { WorldNode, WorldParts } from './world-node.ts'

export class FaultScript {
  /** How many of each kind happened. */
  readonly counts = new Map<FaultKind, number>()
  readonly #parts: WorldParts
  readonly #nodes: ReadonlyMap<string, WorldNode>
  readonly #brokers: ReadonlyMap<string, BrokerNode>
  readonly #chores: Chores
  readonly #undos = new Set<() => void>()
  #isOver = false

  constructor(
    parts: WorldParts,
    nodes: ReadonlyMap<string, WorldNode>,
    brokers: ReadonlyMap<string, BrokerNode>,
    chores: Chores,
  ) {
    this.#parts = parts
    this.#nodes = nodes
    this.#brokers = brokers
    this.#chores = chores
  }

  begin(): void {
    const { plan, clock } = this.#parts
    for (const fault of plan.faults) clock.after(fault.atMs, () => this.#happen(fault))
  }

  /** Everything is as it should be from now on, but for what was lost for good. */
  end(): void {
    this.#isOver = true
    for (const undo of [...this.#undos]) undo()
    for (const node of this.#nodes.values()) node.recover()
    this.#parts.events.add('world', 'faults are over')
  }

  #happen(fault: Fault): void {
    if (this.#isOver) return
    this.#parts.events.add('fault', describeFault(fault))
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1)
    this.#actions[fault.kind](fault)
  }

  readonly #actions: Record<FaultKind, (fault: Fault) => void> = {
    delay: ({ target, amountMs, durationMs }) => {
      const { network } = this.#parts
      network.delay(target, amountMs)
      this.#after(durationMs, () => network.delay(target, 0))
    },
    cut: ({ target, peer, durationMs }) => {
      const { network } = this.#parts
      network.cut({ from: target, to: peer })
      this.#after(durationMs, () => network.heal({ from: target, to: peer }))
    },
    isolate: ({ target, durationMs }) => {
      const { network } = this.#parts
      network.isolate(target)
      // A machine that lost its power meanwhile stays silent until it is started again.
      this.#after(durationMs, () => network.rejoin(target))
    },
    sever: ({ target, peer }) => this.#parts.network.sever({ a: target, b: peer }),
    refuse: ({ target, durationMs }) => {
      const { refusing } = this.#parts
      refusing.add(target)
      this.#after(durationMs, () => void refusing.delete(target))
    },
    'slow-reader': ({ target, amountMs, durationMs }) => {
      const node = this.#node(target)
      node.readPauseMs = amountMs
      this.#after(durationMs, () => {
        node.readPauseMs = 0
      })
    },
    kill: ({ target, durationMs }) => {
      this.#node(target).kill()
      this.#node(target).startAfter(durationMs)
    },
    stop: ({ target, durationMs }) => {
      this.#node(target).stop()
      this.#node(target).startAfter(durationMs)
    },
    freeze: ({ target, durationMs }) => {
      const node = this.#node(target)
      node.freeze()
      this.#after(durationMs, () => node.thaw())
    },
    'power-cut': ({ target, durationMs }) => {
      this.#node(target).cutPower()
      this.#node(target).startAfter(durationMs)
    },
    'lose-broker': ({ target }) => this.#node(target).lose(),
    'sync-error': ({ target, amountMs }) => {
      const { conditions } = this.#broker(target).disk
      conditions.nextFailure = Math.floor(amountMs) % 2 === 0 ? 'written' : 'lost'
    },
    'disk-full': ({ target, durationMs }) => {
      const { conditions } = this.#broker(target).disk
      conditions.isFull = true
      this.#after(durationMs, () => {
        conditions.isFull = false
      })
    },
    'slow-sync': ({ target, amountMs, durationMs }) => {
      const { conditions } = this.#broker(target).disk
      conditions.slowMs = amountMs
      this.#after(durationMs, () => {
        conditions.slowMs = 0
      })
    },
    drain: ({ target, durationMs }) => this.#chores.drain(this.#broker(target), durationMs),
    resize: ({ amountMs }) => this.#chores.resize(amountMs),
    rebirth: ({ durationMs }) => this.#chores.rebirth(durationMs),
    'clock-jump': ({ amountMs }) => this.#parts.clock.jumpWall(amountMs),
  }

  #after(durationMs: number, action: () => void): void {
    const undo = (): void => {
      timer.cancel()
      if (this.#undos.delete(undo)) action()
    }
    const timer = this.#parts.clock.after(durationMs, undo)
    this.#undos.add(undo)
  }

  #node(host: string): WorldNode {
    const node = this.#nodes.get(host)
    if (node === undefined) throw new Error(`the world has no machine ${host}`)
    return node
  }

  #broker(host: string): BrokerNode {
    const node = this.#brokers.get(host)
    if (node === undefined) throw new Error(`the world has no broker on ${host}`)
    return node
  }
}
