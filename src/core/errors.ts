// One closed list of what can go wrong in the world (network, disk, user), with the exit code each
// maps to. The peer gets code and message on the wire, the log gets the cause, the user gets message
// and hint. A broken promise in our own code is not here: see assert.ts.

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  timedOut: 6,
  partial: 7,
} as const

/** code → process exit code, and whether the same request may succeed when repeated elsewhere. */
export const ERRORS = {
  INTERNAL: { exit: EXIT.failed, retriable: true },
  USAGE: { exit: EXIT.usage, retriable: false },
  CONFIG_INVALID: { exit: EXIT.usage, retriable: false },
  TOPIC_INVALID: { exit: EXIT.usage, retriable: false },
  GROUP_INVALID: { exit: EXIT.usage, retriable: false },
  TOPIC_NOT_FOUND: { exit: EXIT.notFound, retriable: true },
  TOPIC_EXISTS: { exit: EXIT.refused, retriable: false },
  GROUP_NOT_FOUND: { exit: EXIT.notFound, retriable: false },
  BROKER_NOT_FOUND: { exit: EXIT.notFound, retriable: false },
  QUEUE_NOT_FOUND: { exit: EXIT.notFound, retriable: false },
  OFFSET_NOT_FOUND: { exit: EXIT.notFound, retriable: false },
  OFFSET_OUT_OF_RANGE: { exit: EXIT.notFound, retriable: false },
  MESSAGE_NOT_FOUND: { exit: EXIT.notFound, retriable: false },
  MESSAGE_TOO_LARGE: { exit: EXIT.refused, retriable: false },
  MESSAGE_INVALID: { exit: EXIT.refused, retriable: false },
  NO_PERMISSION: { exit: EXIT.refused, retriable: true },
  QUEUES_CHANGED: { exit: EXIT.refused, retriable: true },
  NOT_SUPPORTED: { exit: EXIT.refused, retriable: false },
  BROKER_BUSY: { exit: EXIT.refused, retriable: true },
  BROKER_READ_ONLY: { exit: EXIT.refused, retriable: true },
  DISK_FULL: { exit: EXIT.refused, retriable: true },
  DATA_FOLDER_LOCKED: { exit: EXIT.refused, retriable: false },
  DATA_FOLDER_UNUSABLE: { exit: EXIT.failed, retriable: false },
  DATA_CORRUPT: { exit: EXIT.failed, retriable: false },
  DISK_FAILED: { exit: EXIT.failed, retriable: true },
  PORT_IN_USE: { exit: EXIT.refused, retriable: false },
  ADDRESS_INVALID: { exit: EXIT.usage, retriable: false },
  UNREACHABLE: { exit: EXIT.unreachable, retriable: true },
  CONNECTION_CLOSED: { exit: EXIT.unreachable, retriable: true },
  TIMED_OUT: { exit: EXIT.timedOut, retriable: true },
  PROTOCOL: { exit: EXIT.failed, retriable: false },
  PARTIAL: { exit: EXIT.partial, retriable: false },
} as const

export type ErrorCode = keyof typeof ERRORS

export interface MqErrorOptions {
  /** The next step for a person: a command to run, a key to change. */
  hint?: string
  cause?: unknown
  /** The result code a peer answered with, when the error came over the wire. */
  wireCode?: number
}

export class MqError extends Error {
  override name = 'MqError'
  readonly code: ErrorCode
  readonly hint: string | null
  readonly wireCode: number | null

  constructor(code: ErrorCode, message: string, options: MqErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? null
    this.wireCode = options.wireCode ?? null
  }

  get isRetriable(): boolean {
    return ERRORS[this.code].retriable
  }

  get exitCode(): number {
    return ERRORS[this.code].exit
  }
}

/** Whatever was thrown, as one line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
