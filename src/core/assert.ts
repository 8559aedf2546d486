// A broken promise in our own code ends the process: going on would turn one wrong value into many.
// A broken world (network, disk, user) is an MqError instead, see errors.ts.

export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** Throws AssertionError unless `condition` holds. `message` says what was promised. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(`assertion failed: ${message}`)
}

/** For the default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`assertion failed: unexpected value ${String(value)}`)
}
