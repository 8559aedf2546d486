// `mq group list|show|reset`.

import { Admin } from '../client/admin.ts'
import type { GroupQueue, GroupSummary, OffsetChange } from '../client/admin-results.ts'
import { parseStartPosition } from '../client/start-position.ts'
import { systemClock } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { printable } from '../core/logger.ts'
import { checkGroupName, checkTopicName } from '../core/names.ts'
import {
  CLIENT_OPTIONS,
  JSON_OPTION,
  TIME_LIMIT,
  TIMEOUT_OPTION,
  withClient,
} from './client-session.ts'
import { argument, type Command, type CommandGroup, type Invocation } from './command.ts'
import { reportFailures } from './failures.ts'
import { groupWarnings } from './group-warnings.ts'
import type { Column } from './output.ts'
import { formatCount } from './units.ts'

const OPTIONS = [...CLIENT_OPTIONS, TIMEOUT_OPTION, JSON_OPTION]

const list: Command = {
  usage: '',
  summary: 'Lists the consumer groups the brokers know.',
  examples: [{ command: 'mq group list', does: 'groups, their topics and members' }],
  options: OPTIONS,
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const listed = await withClient(invocation, ({ client }) => new Admin(client).groups.list())
    const columns: Column<GroupSummary>[] = [
      { title: 'group', value: (row) => row.group },
      { title: 'members', value: (row) => String(row.memberCount), align: 'right' },
      { title: 'topics', value: (row) => row.topics.join(',') },
    ]
    invocation.output.rows(columns, listed.value)
    return reportFailures(invocation, listed)
  },
}

const show: Command = {
  usage: '<group>',
  summary: 'Shows which member owns which queue, and how far each queue is consumed.',
  examples: [
    { command: 'mq group show billing', does: 'owners as the members say, offsets, lag' },
    { command: 'mq group show billing --json | jq ".queues[].lag"', does: 'for scripts' },
  ],
  options: OPTIONS,
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const group = checkedGroup(invocation)
    const shown = await withClient(invocation, ({ client }) => new Admin(client).groups.show(group))
    const { output } = invocation
    if (output.isJson) {
      output.object(shown.value)
      for (const warning of groupWarnings(shown.value)) invocation.note(`warning: ${warning}`)
      return reportFailures(invocation, shown)
    }
    const { members, queues, messageModel } = shown.value
    output.rows(QUEUE_COLUMNS, queues)
    for (const warning of groupWarnings(shown.value)) invocation.note(`warning: ${warning}`)
    if (output.isTerminal) {
      const lag = queues.reduce((sum, queue) => sum + queue.lag, 0)
      const model = messageModel === null ? '' : `, ${messageModel.toLowerCase()}`
      output.line('')
      output.line(`${members.length} members${model}, ${formatCount(lag)} messages behind`)
      for (const member of members) {
        const held = member.heldQueueCount
        const says = held === null ? 'does not tell what it holds' : `holds ${held} queues`
        const { clientId, address, language } = member
        output.line(printable(`  ${clientId}  ${address}  ${language}  ${says}`))
      }
    }
    return reportFailures(invocation, shown)
  },
}

const QUEUE_COLUMNS: readonly Column<GroupQueue>[] = [
  { title: 'topic', value: (row) => row.topic },
  { title: 'broker', value: (row) => row.brokerName },
  { title: 'queue', value: (row) => String(row.queueId), align: 'right' },
  { title: 'committed', value: (row) => String(row.committedOffset ?? '-'), align: 'right' },
  { title: 'end', value: (row) => String(row.maxOffset), align: 'right' },
  {
    title: 'lag',
    value: (row) => String(row.lag),
    align: 'right',
    paint: (row, palette) => (row.lag > 0 ? palette.yellow : palette.green),
  },
  {
    title: 'owner',
    value: ownerText,
    paint: ({ ownership }, palette) => {
      if (ownership === 'none' || ownership === 'several') return palette.red
      return ownership === 'unknown' ? palette.yellow : undefined
    },
  },
]

function ownerText({ ownership, owners, expectedOwner }: GroupQueue): string {
  switch (ownership) {
    case 'none':
      return 'nobody'
    case 'unknown':
      return `${expectedOwner ?? ''}?`
    case 'each':
      return 'all'
    default:
      return owners.length === 0 ? '-' : owners.join(',')
  }
}

const reset: Command = {
  usage: '<group>',
  summary: 'Moves the committed offsets of a group. Its members must be stopped.',
  examples: [
    { command: 'mq group reset billing --topic orders --to start', does: 'everything again' },
    { command: 'mq group reset billing --topic orders --to @-1h', does: 'the last hour again' },
    { command: 'mq group reset billing --topic orders --to end', does: 'skip what is there' },
  ],
  options: [
    { flag: '--topic <topic>', help: 'the topic to move in' },
    {
      flag: '--to <position>',
      help: 'start, end, -100 (that many before the end), @-1h, @TIME, OFFSET',
    },
    ...OPTIONS,
  ],
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const group = checkedGroup(invocation)
    const topic = invocation.flags.text('topic')
    const to = invocation.flags.text('to')
    if (topic === undefined || to === undefined) {
      const missing = topic === undefined ? '--topic' : '--to'
      throw new MqError('USAGE', `${missing} is missing`, {
        hint: `mq group reset ${group} --topic ${topic ?? 'TOPIC'} --to ${to ?? 'start'}`,
      })
    }
    checkTopicName(topic)
    const position = parseStartPosition(to, systemClock.wallMs())
    const moved = await withClient(invocation, ({ client }) =>
      new Admin(client).groups.reset({ group, topic, to: position }),
    )
    const columns: Column<OffsetChange>[] = [
      { title: 'topic', value: (row) => row.topic },
      { title: 'broker', value: (row) => row.brokerName },
      { title: 'queue', value: (row) => String(row.queueId), align: 'right' },
      { title: 'before', value: (row) => String(row.before ?? '-'), align: 'right' },
      { title: 'after', value: (row) => String(row.after), align: 'right' },
    ]
    invocation.output.rows(columns, moved.value)
    return reportFailures(invocation, moved)
  },
}

function checkedGroup(invocation: Invocation): string {
  const group = argument(invocation, 0)
  checkGroupName(group)
  return group
}

export const group: CommandGroup = { actions: { list, show, reset } }
