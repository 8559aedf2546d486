// Between our errors and the protocol's result codes: what a server answers for an MqError, and what
// a client throws for an answer that is not a success.

import { type ErrorCode, MqError } from '../core/errors.ts'
import { RESPONSE } from './codes.ts'
import type { Command } from './command.ts'

const TO_WIRE: Partial<Record<ErrorCode, number>> = {
  NOT_SUPPORTED: RESPONSE.notSupported,
  TOPIC_NOT_FOUND: RESPONSE.topicNotExist,
  TOPIC_EXISTS: RESPONSE.topicExistAlready,
  GROUP_NOT_FOUND: RESPONSE.groupNotExist,
  OFFSET_NOT_FOUND: RESPONSE.queryNotFound,
  MESSAGE_TOO_LARGE: RESPONSE.messageIllegal,
  MESSAGE_INVALID: RESPONSE.messageIllegal,
  NO_PERMISSION: RESPONSE.noPermission,
  QUEUES_CHANGED: RESPONSE.queuesChanged,
  BROKER_BUSY: RESPONSE.systemBusy,
  BROKER_READ_ONLY: RESPONSE.serviceNotAvailable,
  DISK_FULL: RESPONSE.serviceNotAvailable,
  DISK_FAILED: RESPONSE.serviceNotAvailable,
}

const FROM_WIRE = new Map<number, ErrorCode>([
  [RESPONSE.systemBusy, 'BROKER_BUSY'],
  [RESPONSE.notSupported, 'NOT_SUPPORTED'],
  [RESPONSE.messageIllegal, 'MESSAGE_INVALID'],
  [RESPONSE.serviceNotAvailable, 'BROKER_READ_ONLY'],
  [RESPONSE.noPermission, 'NO_PERMISSION'],
  [RESPONSE.queuesChanged, 'QUEUES_CHANGED'],
  [RESPONSE.topicNotExist, 'TOPIC_NOT_FOUND'],
  [RESPONSE.topicExistAlready, 'TOPIC_EXISTS'],
  [RESPONSE.queryNotFound, 'OFFSET_NOT_FOUND'],
  [RESPONSE.groupNotExist, 'GROUP_NOT_FOUND'],
  [RESPONSE.consumerNotOnline, 'GROUP_NOT_FOUND'],
])

export function wireCode(error: MqError): number {
  return error.wireCode ?? TO_WIRE[error.code] ?? RESPONSE.systemError
}

/** The error for an answer that says no. `peer` is the address that was asked. */
export function errorFromResponse(response: Command, peer: string): MqError {
  const remark = response.remark ?? `result code ${response.code}`
  return new MqError(FROM_WIRE.get(response.code) ?? 'INTERNAL', `${peer} answered: ${remark}`, {
    wireCode: response.code,
  })
}
