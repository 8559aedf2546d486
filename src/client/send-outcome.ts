// What an answer to a send, or the lack of one, means for going on. Pure.

import { describeError, MqError } from '../core/errors.ts'
import { RESPONSE } from '../remoting/codes.ts'
import type { PendingSend } from './send-batch.ts'

/** Stored; whether the disk or a replica has it in time is not known. */
const STORED_NOT_PROMISED: ReadonlySet<number> = new Set([
  RESPONSE.flushDiskTimeout,
  RESPONSE.slaveNotAvailable,
  RESPONSE.flushSlaveTimeout,
])

/** As RocketMQ 5 clients; 204 and 205 are refusals of brokers set apart for some buyers or units. */
const RETRIABLE_CODES: ReadonlySet<number> = new Set([
  RESPONSE.topicNotExist,
  RESPONSE.serviceNotAvailable,
  RESPONSE.systemError,
  RESPONSE.noPermission,
  RESPONSE.systemBusy,
  RESPONSE.goAway,
  204,
  205,
])

export function isStored(code: number): boolean {
  return code === RESPONSE.success || STORED_NOT_PROMISED.has(code)
}

/** Whether another attempt may succeed where this one did not. */
export function isRetriable(error: unknown): boolean {
  if (!(error instanceof MqError)) return false
  return error.wireCode === null ? error.isRetriable : RETRIABLE_CODES.has(error.wireCode)
}

/** Whether one bad message, or batching as such, may be why a whole batch was refused. */
export function isBlameableOnBatch(error: unknown): boolean {
  return (
    error instanceof MqError &&
    (error.wireCode === RESPONSE.messageIllegal || error.wireCode === RESPONSE.notSupported)
  )
}

/** What the application is told: what was tried and the last reason. */
export function sendError(topic: string, send: PendingSend, error: unknown): MqError {
  const last = error instanceof MqError ? error : null
  const times = send.attempts === 1 ? '1 attempt' : `${send.attempts} attempts`
  const after = send.attempts === 0 ? '' : ` after ${times}`
  return new MqError(
    last?.code ?? 'INTERNAL',
    `a message to "${topic}" was not acknowledged${after}: ${describeError(error)}`,
    {
      hint:
        last?.hint ??
        (isUnknown(last)
          ? `it may have been stored all the same; see the brokers with: mq route ${topic} --probe`
          : `see the topic and its brokers with: mq route ${topic}`),
      cause: error,
      ...(last?.wireCode == null ? {} : { wireCode: last.wireCode }),
    },
  )
}

/** No answer is not a "no". */
function isUnknown(error: MqError | null): boolean {
  return error?.code === 'TIMED_OUT' || error?.code === 'CONNECTION_CLOSED'
}
