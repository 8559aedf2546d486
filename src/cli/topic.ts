// `mq topic list|show|create|delete`; the other actions have files of their own.

import { Admin } from '../client/admin.ts'
import type { QueueStats, TopicSummary } from '../client/admin-results.ts'
import { EXIT } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import {
  CLIENT_OPTIONS,
  JSON_OPTION,
  TIME_LIMIT,
  TIMEOUT_OPTION,
  withClient,
} from './client-session.ts'
import { argument, type Command, type CommandGroup, type Invocation } from './command.ts'
import { reportFailures } from './failures.ts'
import type { Column } from './output.ts'
import { formatPermission, parsePermission } from './permission.ts'
import { PLACEMENT_COLUMNS, placementRow } from './placement-rows.ts'
import { alter, plan } from './topic-change.ts'
import { migrate } from './topic-migrate.ts'

const OPTIONS = [...CLIENT_OPTIONS, TIMEOUT_OPTION, JSON_OPTION]
const QUEUES_DEFAULT = 8

interface QueueRow extends Omit<QueueStats, 'topic'> {
  address: string
  permission: string
}

const list: Command = {
  usage: '',
  summary: 'Lists the topics any nameserver knows.',
  examples: [
    { command: 'mq topic list', does: 'topics of applications' },
    { command: 'mq topic list --all', does: 'also those servers make for themselves' },
  ],
  options: [{ flag: '--all', help: 'also system, retry and dead-letter topics' }, ...OPTIONS],
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const listed = await withClient(invocation, ({ client }) => new Admin(client).topics.list())
    const columns: Column<TopicSummary>[] = [
      { title: 'topic', value: (row) => row.topic },
      { title: 'kind', value: (row) => (row.isSystem ? 'system' : 'topic') },
      { title: 'seen by', value: (row) => row.seenBy.join(',') },
    ]
    const isAll = invocation.flags.isSet('all')
    const shown = listed.value.filter((row) => isAll || !row.isSystem)
    invocation.output.rows(columns, shown)
    if (shown.length === 0 && invocation.output.isTerminal) {
      invocation.note('no topics yet; create one with: mq topic create TOPIC --queues 8')
    }
    return reportFailures(invocation, listed)
  },
}

const show: Command = {
  usage: '<topic>',
  summary: 'Shows the queues of a topic with their offsets.',
  examples: [{ command: 'mq topic show orders', does: 'queues, offsets, newest message' }],
  options: OPTIONS,
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const topic = checkedTopic(invocation)
    const shown = await withClient(invocation, ({ client }) => new Admin(client).topics.show(topic))
    const { placements, queues, missing, change } = shown.value
    for (const { brokerName, queueCount } of missing) {
      invocation.note(
        `warning: ${brokerName} was to have ${queueCount} queues of ${topic}, and has none`,
      )
    }
    if (change !== null) {
      invocation.note(
        `warning: on its way to ${change.queueCount} queues (${change.phase}); complete it with: mq topic alter ${topic} --queues ${change.queueCount}`,
      )
    }
    if (invocation.output.isJson) {
      invocation.output.object({
        topic,
        placements: placements.map((placement) => placementRow(topic, placement)),
        queues,
        missing,
        change: change?.phase ?? null,
        changingTo: change?.queueCount ?? null,
      })
      return reportFailures(invocation, shown)
    }
    const rows = queues.map((queue): QueueRow => {
      const placement = placements.find(({ brokerName }) => brokerName === queue.brokerName)
      return {
        ...queue,
        address: placement?.address ?? '?',
        permission: formatPermission(placement?.permission ?? 0),
      }
    })
    const columns: Column<QueueRow>[] = [
      { title: 'broker', value: (row) => row.brokerName },
      { title: 'address', value: (row) => row.address },
      { title: 'queue', value: (row) => String(row.queueId), align: 'right' },
      { title: 'permission', value: (row) => row.permission },
      { title: 'min offset', value: (row) => String(row.minOffset), align: 'right' },
      { title: 'max offset', value: (row) => String(row.maxOffset), align: 'right' },
      { title: 'messages', value: (row) => String(row.maxOffset - row.minOffset), align: 'right' },
      { title: 'last stored', value: (row) => timeText(row.lastStoreTimeMs) },
    ]
    invocation.output.rows(columns, rows)
    return reportFailures(invocation, shown)
  },
}

const create: Command = {
  usage: '<topic>',
  summary: 'Creates a topic, its queues spread evenly over the brokers.',
  examples: [
    { command: 'mq topic create orders --queues 8', does: '8 queues in all' },
    {
      command: 'mq topic create orders --queues 8 --cluster east',
      does: 'in one of several clusters',
    },
  ],
  options: [
    { flag: '--queues <n>', help: `queues in all (default ${QUEUES_DEFAULT})` },
    { flag: '--cluster <name>', help: 'where there are several clusters' },
    { flag: '--permission <rw>', help: 'rw, r or w (default rw)' },
    { flag: '--ordered', help: 'mark as globally ordered' },
    ...OPTIONS,
  ],
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const { flags } = invocation
    const topic = checkedTopic(invocation)
    const cluster = flags.text('cluster')
    const permission = flags.text('permission')
    const creation = {
      topic,
      queueCount: flags.integer('queues', { min: 1, max: QUEUE_COUNT_MAX }) ?? QUEUES_DEFAULT,
      ...(cluster === undefined ? {} : { cluster }),
      ...(permission === undefined ? {} : { permission: parsePermission(permission) }),
      ...(flags.isSet('ordered') ? { isOrdered: true } : {}),
    }
    const created = await withClient(invocation, ({ client }) =>
      new Admin(client).topics.create(creation),
    )
    const rows = created.value.map((placement) => placementRow(topic, placement))
    invocation.output.rows(PLACEMENT_COLUMNS, rows)
    return reportFailures(invocation, created)
  },
}

const remove: Command = {
  usage: '<topic>',
  summary: 'Deletes a topic and its messages on every broker. There is no way back.',
  examples: [{ command: 'mq topic delete orders', does: 'everywhere, at once' }],
  options: OPTIONS,
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const topic = checkedTopic(invocation)
    const deleted = await withClient(invocation, ({ client }) =>
      new Admin(client).topics.delete(topic),
    )
    const rows = deleted.value.map((brokerName) => ({ topic, brokerName }))
    invocation.output.rows(
      [
        { title: 'topic', value: (row) => row.topic },
        { title: 'deleted on', value: (row) => row.brokerName },
      ],
      rows,
    )
    return reportFailures(invocation, deleted) || EXIT.ok
  },
}

function checkedTopic(invocation: Invocation): string {
  const topic = argument(invocation, 0)
  checkTopicName(topic)
  return topic
}

function timeText(ms: number | null): string {
  return ms === null ? '-' : new Date(ms).toISOString()
}

export const topic: CommandGroup = {
  actions: { list, show, create, plan, alter, migrate, delete: remove },
}
