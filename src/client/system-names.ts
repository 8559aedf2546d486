// Topics and groups that are not for applications, by their names. Apache's brokers make most of them.

import {
  AUTO_CREATE_TOPIC,
  DEAD_LETTER_TOPIC_PREFIX,
  RETRY_TOPIC_PREFIX,
} from '../remoting/codes.ts'

const NAMES: ReadonlySet<string> = new Set([
  AUTO_CREATE_TOPIC,
  'SELF_TEST_TOPIC',
  'BenchmarkTest',
  'OFFSET_MOVED_EVENT',
  'SCHEDULE_TOPIC_XXXX',
  'RMQ_SYS_TRANS_HALF_TOPIC',
  'RMQ_SYS_TRANS_OP_HALF_TOPIC',
  'RMQ_SYS_TRACE_TOPIC',
  'TRANS_CHECK_MAX_TIME_TOPIC',
])
const PREFIXES = [RETRY_TOPIC_PREFIX, DEAD_LETTER_TOPIC_PREFIX, 'rmq_sys_']
const REPLY_SUFFIX = '_REPLY_TOPIC'

/** `owners` are the names of the clusters and brokers: each has a topic of its own. */
export function isSystemTopicName(topic: string, owners: ReadonlySet<string>): boolean {
  return (
    NAMES.has(topic) ||
    PREFIXES.some((prefix) => topic.startsWith(prefix)) ||
    owners.has(topic) ||
    (topic.endsWith(REPLY_SUFFIX) && owners.has(topic.slice(0, -REPLY_SUFFIX.length)))
  )
}

const GROUP_NAMES: ReadonlySet<string> = new Set([
  'TOOLS_CONSUMER',
  'FILTERSRV_CONSUMER',
  'SELF_TEST_C_GROUP',
  'CID_ONS-HTTP-PROXY',
  '__MONITOR_CONSUMER',
])
const GROUP_PREFIXES = ['CID_ONSAPI_', 'CID_RMQ_SYS_', 'CID_SYS_RMQ_']

export function isSystemGroupName(group: string): boolean {
  return GROUP_NAMES.has(group) || GROUP_PREFIXES.some((prefix) => group.startsWith(prefix))
}
