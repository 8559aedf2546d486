// A node that cannot go on. Kept apart from what runs nodes, because every command line knows it.

import type { MqError } from '../core/errors.ts'

/** A disk that failed: a supervisor may start the node again, and recovery decides. */
export const EXIT_DISK_FAILED = 70

/** Ends the process with EXIT_DISK_FAILED. */
export class NodeFailed extends Error {
  readonly failure: MqError

  constructor(failure: MqError) {
    super(failure.message, { cause: failure })
    this.failure = failure
  }
}
