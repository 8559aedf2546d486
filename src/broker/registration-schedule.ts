// When to register with which nameserver: decided here, carried out in registration.ts. Each
// nameserver is on its own: a beat every interval on a fixed grid, one more as soon as the topics
// change, and after a failure or a lost connection soon, then less and less often.

export interface ScheduleOptions {
  nameservers: readonly string[]
  heartbeatIntervalMs: number
  retryMsMin: number
  retryMsMax: number
}

interface Target {
  address: string
  beatMs: number
  /** An extra registration, besides the beats. */
  extraMs: number | null
  isSending: boolean
  failureCount: number
  /** Null before the first attempt has ended. */
  isRegistered: boolean | null
  /** The change that the running attempt carries, and the newest that an attempt has ended for. */
  carriedChange: number
  settledChange: number
}

/** What an attempt changed, for the log: a state is reported once and not at every beat. */
export type Transition = 'registered' | 'lost' | 'unchanged'

export class RegistrationSchedule {
  readonly #options: ScheduleOptions
  readonly #targets = new Map<string, Target>()
  #heartbeatIntervalMs: number
  #change = 0

  constructor(options: ScheduleOptions, nowMs: number) {
    this.#options = options
    this.#heartbeatIntervalMs = options.heartbeatIntervalMs
    this.setNameservers(options.nameservers, nowMs)
  }

  /** New ones are due at once, those that stay go on as before. Returns those that are gone. */
  setNameservers(addresses: readonly string[], nowMs: number): string[] {
    const removed = [...this.#targets.keys()].filter((address) => !addresses.includes(address))
    for (const address of removed) this.#targets.delete(address)
    for (const address of addresses) {
      if (!this.#targets.has(address)) this.#targets.set(address, newTarget(address, nowMs))
    }
    return removed
  }

  /** A shorter interval holds from now on, a longer one after the beats that are planned. */
  setHeartbeatInterval(intervalMs: number, nowMs: number): void {
    this.#heartbeatIntervalMs = intervalMs
    for (const target of this.#targets.values()) {
      target.beatMs = Math.min(target.beatMs, nowMs + intervalMs)
    }
  }

  has(address: string): boolean {
    return this.#targets.has(address)
  }

  /** Numbers the topics' changes: `isSettled(change)` tells when all nameservers had their try. */
  get change(): number {
    return this.#change
  }

  topicsChanged(nowMs: number): void {
    this.#change++
    for (const target of this.#targets.values()) target.extraMs = nowMs
  }

  /** A nameserver forgets a broker whose connection closed, so it is told again soon. */
  connectionLost(address: string, nowMs: number): void {
    const target = this.#targets.get(address)
    if (target === undefined || target.isSending || target.isRegistered !== true) return
    target.extraMs = earlier(target.extraMs, nowMs + this.#options.retryMsMin)
  }

  isSettled(change: number): boolean {
    for (const target of this.#targets.values()) if (target.settledChange < change) return false
    return true
  }

  /** Takes the nameservers that are to be registered with now; each ends in `ended`. */
  takeDue(nowMs: number): string[] {
    const due: string[] = []
    for (const target of this.#targets.values()) {
      if (target.isSending || dueMs(target) > nowMs) continue
      target.isSending = true
      target.extraMs = null
      target.carriedChange = this.#change
      const heartbeatIntervalMs = this.#heartbeatIntervalMs
      // Beats missed in a pause of the process are not made up for.
      if (target.beatMs <= nowMs) {
        const missed = Math.floor((nowMs - target.beatMs) / heartbeatIntervalMs)
        target.beatMs += (missed + 1) * heartbeatIntervalMs
      }
      due.push(target.address)
    }
    return due
  }

  ended(address: string, isRegistered: boolean, nowMs: number): Transition {
    const target = this.#targets.get(address)
    if (target === undefined) return 'unchanged'
    const was = target.isRegistered
    target.isSending = false
    target.isRegistered = isRegistered
    target.settledChange = target.carriedChange
    if (isRegistered) {
      target.failureCount = 0
    } else {
      const { retryMsMin, retryMsMax } = this.#options
      const waitMs = Math.min(retryMsMax, retryMsMin * 2 ** target.failureCount)
      target.failureCount++
      target.extraMs = earlier(target.extraMs, nowMs + waitMs)
    }
    if (was === isRegistered) return 'unchanged'
    return isRegistered ? 'registered' : 'lost'
  }

  /** When to look again; null while every nameserver is being talked to. */
  nextDueMs(): number | null {
    let next: number | null = null
    for (const target of this.#targets.values()) {
      if (!target.isSending) next = earlier(next, dueMs(target))
    }
    return next
  }
}

function newTarget(address: string, nowMs: number): Target {
  return {
    address,
    beatMs: nowMs,
    extraMs: null,
    isSending: false,
    failureCount: 0,
    isRegistered: null,
    carriedChange: 0,
    settledChange: -1,
  }
}

function dueMs(target: Target): number {
  return earlier(target.extraMs, target.beatMs)
}

function earlier(a: number | null, b: number): number {
  return a === null ? b : Math.min(a, b)
}
