// Which messages a pull wants: by its own subscription if it carries one, else by the one its group's
// heartbeats gave. Only the hashes of tags are compared here; a consumer compares the text again.

import { MqError } from '../core/errors.ts'
import { RESPONSE } from '../remoting/codes.ts'
import { PULL_FLAG, type PullHeader } from '../remoting/pull-header.ts'
import { tagHashes } from '../remoting/tag-expression.ts'
import type { ConsumerGroup } from './consumer-groups.ts'

/** Apache's words: its clients' users know them. */
export const SQL_REFUSED = 'The broker does not support consumer to filter message by SQL92'

/**
 * The tag hashes to keep, null for all. Throws with the protocol's codes for a group that has not
 * sent a heartbeat (24), one that sent an older subscription (25), and for SQL filters (1).
 */
export function pullFilter(
  header: PullHeader,
  group: ConsumerGroup<object> | null,
): ReadonlySet<number> | null {
  if ((header.systemFlag & PULL_FLAG.subscription) !== 0) {
    checkExpressionType(header.expressionType)
    return tagHashes(header.subscription)
  }
  const subscription = group?.subscriptions.get(header.topic)
  if (subscription === undefined) {
    throw new MqError(
      'GROUP_NOT_FOUND',
      group === null
        ? `no consumer of group ${header.group} has sent a heartbeat`
        : `group ${header.group} does not subscribe to topic ${header.topic}`,
      { wireCode: RESPONSE.subscriptionNotExist },
    )
  }
  if (subscription.version < header.subscriptionVersion) {
    throw new MqError(
      'GROUP_NOT_FOUND',
      `the subscription of group ${header.group} to topic ${header.topic} has version ` +
        `${subscription.version} here, the pull has ${header.subscriptionVersion}`,
      { wireCode: RESPONSE.subscriptionNotLatest },
    )
  }
  checkExpressionType(subscription.expressionType)
  return tagHashes(subscription.expression)
}

export function checkExpressionType(type: string): void {
  if (type === '' || type === 'TAG') return
  if (type === 'SQL92') {
    throw new MqError('NOT_SUPPORTED', SQL_REFUSED, { wireCode: RESPONSE.systemError })
  }
  throw new MqError('NOT_SUPPORTED', `unknown expression type "${type.slice(0, 40)}"`, {
    wireCode: RESPONSE.subscriptionParseFailed,
  })
}
