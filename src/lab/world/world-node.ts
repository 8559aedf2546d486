// One machine of a world and the process on it: started, killed, cut from power, frozen, stopped, and
// started again. What runs on it is up to the subclasses; each start is a new run.

import type { Clock, Timer } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import { Logger } from '../../core/logger.ts'
import type { Random } from '../../core/random.ts'
import type { Network } from '../../remoting/network.ts'
import type { VirtualClock } from '../../simulation/virtual-clock.ts'
import type { VirtualNetwork } from '../../simulation/virtual-network.ts'
import { VirtualProcess } from '../../simulation/virtual-process.ts'
import type { EventLog } from './event-log.ts'
import type { History } from './history.ts'
import { type FrameTap, NodeNetwork } from './node-network.ts'
import { randomFor, type WorldPlan } from './plan.ts'
import type { Role, Seams } from './seams.ts'

/** What all nodes of a world share. */
export interface WorldParts {
  plan: WorldPlan
  clock: VirtualClock
  network: VirtualNetwork
  history: History
  events: EventLog
  seams: Seams
  refusing: Set<string>
  /** When clients stop making work, on the virtual clock. */
  workEndsMs: number
}

/** What one run of a node is made of. */
export interface Run {
  /** "10.2.0.1#3": the third run on this machine. */
  name: string
  clock: Clock
  network: Network
  random: Random
  logger: Logger
}

/** A start that failed is tried again after this, as by a supervisor. */
const RESTART_MS = 1_000
/** A graceful stop that takes longer ends in a kill. */
const STOP_LIMIT_MS = 15_000

export abstract class WorldNode {
  readonly host: string
  readonly role: Role
  protected readonly parts: WorldParts
  #running: VirtualProcess | null = null
  #network: NodeNetwork | null = null
  #runCount = 0
  #isUp = false
  #isFrozen = false
  #isStopping = false
  #isGone = false
  #wantsStart = false

  constructor(parts: WorldParts, options: { host: string; role: Role }) {
    this.parts = parts
    this.host = options.host
    this.role = options.role
    parts.network.host(options.host)
  }

  /** Resolves when it serves. */
  protected abstract boot(run: Run): Promise<void>
  protected abstract shutDown(): Promise<void>
  /** The process is no more. */
  protected abstract ended(how: 'kill' | 'power-cut' | 'stop'): void
  /** It serves, and nothing else has happened since. */
  protected started(): void {}
  protected tap(_runName: string): (() => FrameTap) | null {
    return null
  }

  get isUp(): boolean {
    return this.#isUp && !this.#isFrozen && !this.#isStopping
  }

  /** Never to come back. */
  get isGone(): boolean {
    return this.#isGone
  }

  get runName(): string {
    return `${this.host}#${this.#runCount}`
  }

  start(): void {
    this.#wantsStart = this.#isStopping
    if (this.#running !== null || this.#isGone) return
    const { clock, network, refusing, seams, plan } = this.parts
    const running = new VirtualProcess({ network, clock, hostName: this.host })
    this.#running = running
    this.#runCount++
    const name = this.runName
    const nodeClock = seams.clock(running.clock, this.role)
    this.#network = new NodeNetwork({
      network: running.network,
      clock: running.clock,
      refusing,
      tap: this.tap(name),
    })
    const sink = (line: string): void => this.parts.events.add(this.host, line.trimEnd())
    const booting = this.boot({
      name,
      clock: nodeClock,
      network: seams.network(this.#network, this.role),
      random: seams.random(randomFor(plan.seed, name), this.role),
      logger: new Logger({ clock: running.clock, sink, level: 'warn', scope: name }),
    })
    booting.then(
      () => this.#started(running),
      (error) => this.#failedToStart(running, describeError(error)),
    )
  }

  /** Starts it again later. */
  startAfter(delayMs: number): Timer {
    return this.parts.clock.after(delayMs, () => this.start())
  }

  kill(): void {
    this.#end('kill')
  }

  cutPower(): void {
    this.#end('power-cut')
  }

  /** Cuts the power for good. */
  lose(): void {
    this.#isGone = true
    this.#end('power-cut')
  }

  freeze(): void {
    if (this.#running === null) return
    this.#isFrozen = true
    this.#running.freeze()
  }

  thaw(): void {
    if (!this.#isFrozen) return
    this.#isFrozen = false
    this.#running?.thaw()
  }

  /** Gracefully; a kill if that takes too long or it was not up. */
  stop(): void {
    const running = this.#running
    if (running === null || this.#isStopping) return
    if (!this.#isUp || this.#isFrozen) {
      this.kill()
      return
    }
    this.#isStopping = true
    const limit = this.parts.clock.after(STOP_LIMIT_MS, () => this.#stopped(running, 'kill'))
    const done = (): void => {
      limit.cancel()
      this.#stopped(running, 'stop')
    }
    this.shutDown().then(done, done)
  }

  set readPauseMs(pauseMs: number) {
    if (this.#network !== null) this.#network.readPauseMs = pauseMs
  }

  /** Whatever was done to it is over. */
  recover(): void {
    this.thaw()
    this.readPauseMs = 0
    this.start()
  }

  #started(running: VirtualProcess): void {
    if (running !== this.#running) return
    this.#isUp = true
    this.parts.events.add(this.host, 'up')
    this.started()
  }

  #failedToStart(running: VirtualProcess, reason: string): void {
    if (running !== this.#running) return
    this.parts.events.add(this.host, `cannot start: ${reason}`)
    this.#end('kill')
    this.startAfter(RESTART_MS)
  }

  #stopped(running: VirtualProcess, how: 'kill' | 'stop'): void {
    if (running !== this.#running) return
    const startsAgain = this.#wantsStart
    this.#end(how)
    if (startsAgain) this.start()
  }

  #end(how: 'kill' | 'power-cut' | 'stop'): void {
    const running = this.#running
    if (running === null) return
    this.#running = null
    this.#network = null
    this.#isUp = false
    this.#isFrozen = false
    this.#isStopping = false
    this.#wantsStart = false
    if (how === 'power-cut') running.vanish()
    else running.kill()
    this.ended(how)
    this.parts.events.add(this.host, `ended: ${how}`)
  }
}
