// Our request 61,040: a node reads its configuration file again. The request carries no values: what is
// in force comes from a file that the node's own user wrote, and from nowhere else. It is taken only
// from the machine the node runs on.

import { MqError } from '../core/errors.ts'
import { RESPONSE } from './codes.ts'
import type { RequestHandler } from './dispatch.ts'
import { isJsonObject, parseLenientObject } from './lenient-json.ts'
import type { HostPort } from './network.ts'
import { integer, jsonBody, objects, text } from './route.ts'

/** A setting that the file changed, its value before and after as a person would write it. */
export interface KeyChange {
  key: string
  before: string
  after: string
}

export interface ReloadReport {
  /** "broker broker-a" or "nameserver". */
  node: string
  processId: number
  /** The file that was read, whole. */
  path: string
  /** In force now. */
  applied: KeyChange[]
  /** In the file, in force after a restart. */
  needsRestart: KeyChange[]
  /** In the file, but a flag or the environment says otherwise and wins. */
  overridden: { key: string; by: string }[]
  /** Why nothing was taken over; null if the file is good. */
  refusal: { message: string; hint: string } | null
}

export function reloadHandler(reload: () => Promise<ReloadReport>): RequestHandler {
  return async (_request, { remote, local, peer }) => {
    if (!isSameMachine({ remote, local })) {
      throw new MqError(
        'NO_PERMISSION',
        `a reload is taken from this machine only, not from ${peer}`,
      )
    }
    return { code: RESPONSE.success, body: encodeReloadReport(await reload()) }
  }
}

/**
 * Whether both ends are here. Two equal addresses are: the kernel takes no packet from outside that
 * names one of its own as the sender.
 */
export function isSameMachine(ends: { remote: HostPort; local: HostPort }): boolean {
  const { host } = ends.remote
  return /^(::ffff:)?127\./i.test(host) || host === '::1' || host === ends.local.host
}

export function encodeReloadReport(report: ReloadReport): Buffer {
  return jsonBody({ ...report })
}

export function decodeReloadReport(body: Uint8Array): ReloadReport {
  const json = parseLenientObject(body)
  const changes = (field: string): KeyChange[] =>
    objects(json[field]).map((change) => ({
      key: text(change, 'key'),
      before: text(change, 'before'),
      after: text(change, 'after'),
    }))
  const refusal = json['refusal']
  return {
    node: text(json, 'node'),
    processId: integer(json, 'processId'),
    path: text(json, 'path'),
    applied: changes('applied'),
    needsRestart: changes('needsRestart'),
    overridden: objects(json['overridden']).map((entry) => ({
      key: text(entry, 'key'),
      by: text(entry, 'by'),
    })),
    refusal: isJsonObject(refusal)
      ? { message: text(refusal, 'message'), hint: text(refusal, 'hint') }
      : null,
  }
}
