// Time, for everything outside src/core. A node is given a Clock and never asks the system itself,
// so that a whole cluster can run in one thread under virtual time (src/simulation/virtual-clock.ts).

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the epoch. Only for timestamps that people and peers see: it may jump. */
  wallMs(): number
  /** Milliseconds since an arbitrary start, never going back. For every interval and deadline. */
  monoMs(): number
  /** Runs `action` once, `delayMs` from now. */
  after(delayMs: number, action: () => void): Timer
  /** Runs `action` every `intervalMs`, first one interval from now. */
  every(intervalMs: number, action: () => void): Timer
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after(delayMs, action) {
    const handle = setTimeout(action, delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
  every(intervalMs, action) {
    const handle = setInterval(action, intervalMs)
    return { cancel: () => clearInterval(handle) }
  },
}

/** Resolves after `delayMs` on the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve))
}

/**
 * Runs `action` at the end of this turn of the event loop, after the events already queued.
 * This is how work that arrives together is batched; it is not a way to wait for anything.
 */
export function endOfTurn(action: () => void): void {
  turnEnds++
  setImmediate(() => {
    turnEnds--
    action()
  })
}

let turnEnds = 0
const TURNS_MAX = 10_000

/**
 * Resolves when every `endOfTurn` action, and whatever those planned in turn, has run, and all
 * promise callbacks with them. Rejects if that goes on for ever. Only virtual time needs to know.
 */
export async function turnsEnded(): Promise<void> {
  let turns = 0
  do {
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (++turns > TURNS_MAX) throw new Error('the end of the turn plans itself again and again')
  } while (turnEnds > 0)
}
