// `mq topic plan` and `mq topic alter`: what changing the number of queues would do, and doing it.

import { Admin } from '../client/admin.ts'
import { CHANGE_LIMIT_MS, CHANGE_SETTLE_MS, type ChangeProgress } from '../client/change-results.ts'
import { planTopicChange } from '../client/change-scope.ts'
import type { BrokerQueues } from '../client/queue-plan.ts'
import { spreadOf } from '../client/queue-plan.ts'
import { changeTopic, type TopicChangeOutcome } from '../client/topic-change.ts'
import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import {
  CLIENT_OPTIONS,
  JSON_OPTION,
  TIME_LIMIT,
  TIMEOUT_OPTION,
  withClient,
  withSession,
} from './client-session.ts'
import { argument, type Command, type Invocation } from './command.ts'
import { reportFailures } from './failures.ts'
import { Interrupted } from './interruption.ts'
import type { Column } from './output.ts'
import { parsePermission } from './permission.ts'
import { PLACEMENT_COLUMNS, placementRow } from './placement-rows.ts'
import { formatDuration } from './units.ts'

const QUEUES_OPTION = { flag: '--queues <n>', help: 'queues in all' }
const ORDERS = ['drain', 'none'] as const

export const plan: Command = {
  usage: '<topic>',
  summary:
    'Shows what another number of queues would change, broker by broker, and changes nothing.',
  examples: [
    { command: 'mq topic plan orders --queues 12', does: 'which queues come, stay and go' },
  ],
  options: [QUEUES_OPTION, ...CLIENT_OPTIONS, TIMEOUT_OPTION, JSON_OPTION],
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const { topic, queueCount } = topicAndQueues(invocation, 'plan')
    const { scope, running } = await withClient(invocation, ({ client }) =>
      planTopicChange(client, { topic, queueCount }),
    )
    const { brokers } = scope
    const spreadBefore = spreadOf(brokers.map(({ beforeCount }) => beforeCount))
    const spreadAfter = spreadOf(brokers.map(({ afterCount }) => afterCount))
    if (invocation.output.isJson) {
      const inProgress = running === null ? null : { phase: running.phase, order: running.order }
      invocation.output.object({
        topic,
        queueCount,
        isNeeded: scope.isNeeded,
        inProgress,
        spreadBefore,
        spreadAfter,
        brokers,
      })
    } else {
      invocation.output.rows(BROKER_COLUMNS, brokers)
      if (running !== null && scope.isResumed)
        invocation.note(`on its way already (${running.phase}): mq topic alter goes on`)
      else if (running !== null)
        invocation.note(`takes the place of a change to other queues: ${running.after.queues}`)
      else if (!scope.isNeeded) invocation.note(`${topic} has ${queueCount} queues already`)
      else
        invocation.note(`queues per broker differ by ${spreadBefore} now, by ${spreadAfter} then`)
    }
    return reportFailures(invocation, { value: null, failures: scope.failures })
  },
}

export const alter: Command = {
  usage: '<topic>',
  summary: 'Changes the number of queues of a topic under load, or its permission.',
  examples: [
    { command: 'mq topic alter orders --queues 12', does: 'every key stays in order meanwhile' },
    { command: 'mq topic alter orders --queues 12 --order none', does: 'at once; order may break' },
    {
      command: 'mq topic alter orders --queues 12 --without broker-c',
      does: 'goes on although broker-c is lost for good',
    },
    { command: 'mq topic alter orders --permission r', does: 'no new messages' },
  ],
  options: [
    QUEUES_OPTION,
    {
      flag: '--order <drain|none>',
      help: 'keep the order of keys, or do not wait (default drain)',
    },
    { flag: '--limit <duration>', help: 'wait for groups at most this long (default 10m)' },
    {
      flag: '--settle <duration>',
      help: 'how long clients that poll routes need to notice (default 35s)',
    },
    { flag: '--force', help: 'do not wait for groups without members, nor beyond --limit' },
    {
      flag: '--without <broker>',
      isRepeatable: true,
      help: 'go on without a broker that is lost for good',
    },
    { flag: '--permission <rw>', help: 'rw, r, w or -' },
    ...CLIENT_OPTIONS,
    JSON_OPTION,
  ],
  timeLimit: '--limit, 10 min by default, then exit code 6; repeat the command and it goes on.',
  notes: [
    'With --order drain, what producers send after the change is held back from each group until it has',
    'consumed what they sent before: per key, nothing overtakes. That holds for producers of mq that go',
    'by key; others may break the order of a key while they go over. No stored message is moved.',
    'Queues that go are closed to writers first and vanish when every group has consumed them.',
    'A newer command takes the place of an older one as long as no broker has gone over to its queues.',
  ],
  async run(invocation) {
    const { flags } = invocation
    const permission = flags.text('permission')
    if (flags.text('queues') === undefined && permission !== undefined) {
      return alterPermission(invocation, permission)
    }
    const { topic, queueCount } = topicAndQueues(invocation, 'alter')
    const outcome = await change(invocation, { topic, queueCount })
    if (invocation.output.isJson) invocation.output.object(toJson(outcome))
    else show(invocation, outcome)
    const sum = outcome.brokers.reduce((total, { afterCount }) => total + afterCount, 0)
    if (sum !== queueCount) {
      invocation.note(
        `warning: ${topic} has ${sum} queues, as a broker was left out; repeat the command to share out the rest`,
      )
    }
    const code = reportFailures(invocation, { value: null, failures: outcome.failures })
    return permission === undefined ? code : (await alterPermission(invocation, permission)) || code
  },
}

async function change(
  invocation: Invocation,
  wanted: { topic: string; queueCount: number },
): Promise<TopicChangeOutcome & { elapsedMs: number }> {
  const { flags, progress } = invocation
  const startMs = systemClock.monoMs()
  const outcome = await withSession(invocation, ({ client }) => {
    let last: ChangeProgress | null = null
    progress.start(() => (last === null ? `looking at ${wanted.topic}` : progressText(last)))
    const work = changeTopic(client, {
      ...wanted,
      order: flags.choice('order', ORDERS) ?? 'drain',
      limitMs: flags.durationMs('limit') ?? CHANGE_LIMIT_MS,
      settleMs: flags.durationMs('settle') ?? CHANGE_SETTLE_MS,
      isForced: flags.isSet('force'),
      lostBrokers: flags.texts('without'),
      onStep: (news) => {
        last = news
      },
    })
    return untilInterrupted(invocation, work, wanted).finally(() => progress.stop())
  })
  return { ...outcome, elapsedMs: Math.round(systemClock.monoMs() - startMs) }
}

function untilInterrupted<T>(
  invocation: Invocation,
  work: Promise<T>,
  { topic, queueCount }: { topic: string; queueCount: number },
): Promise<T> {
  const { interruption } = invocation
  return new Promise<T>((resolve, reject) => {
    const forget = interruption.onReceived(() => {
      invocation.note(
        `${topic} stays as it is now; go on with: mq topic alter ${topic} --queues ${queueCount}`,
      )
      reject(new Interrupted(interruption.exitCode ?? EXIT.failed))
    })
    work.then(resolve, reject).finally(forget)
  })
}

async function alterPermission(invocation: Invocation, text: string): Promise<number> {
  const topic = argument(invocation, 0)
  checkTopicName(topic)
  const permission = parsePermission(text)
  const changed = await withClient(invocation, ({ client }) =>
    new Admin(client).topics.alter({ topic, permission }),
  )
  const rows = changed.value.map((placement) => placementRow(topic, placement))
  invocation.output.rows(PLACEMENT_COLUMNS, rows)
  return reportFailures(invocation, changed)
}

function topicAndQueues(
  invocation: Invocation,
  action: string,
): { topic: string; queueCount: number } {
  const topic = argument(invocation, 0)
  checkTopicName(topic)
  const queueCount = invocation.flags.integer('queues', { min: 1, max: QUEUE_COUNT_MAX })
  if (queueCount !== undefined) return { topic, queueCount }
  const missing = action === 'alter' ? '--queues or --permission' : '--queues'
  throw new MqError('USAGE', `nothing to change in ${topic}: ${missing} is missing`, {
    hint: `mq topic ${action} ${topic} --queues 12`,
  })
}

const BROKER_COLUMNS: readonly Column<BrokerQueues>[] = [
  { title: 'broker', value: (row) => row.brokerName },
  { title: 'before', value: (row) => String(row.beforeCount), align: 'right' },
  { title: 'after', value: (row) => String(row.afterCount), align: 'right' },
  { title: 'new queues', value: (row) => row.newQueueIds.join(',') || '-' },
  { title: 'queues that go', value: (row) => row.retiredQueueIds.join(',') || '-' },
]

function show(invocation: Invocation, outcome: TopicChangeOutcome & { elapsedMs: number }): void {
  const { topic, pauses, longestPauseMs, leftBehind, unowned } = outcome
  const pauseOf = ({ brokerName }: BrokerQueues): number =>
    Math.max(0, ...pauses.filter((p) => p.brokerName === brokerName).map((p) => p.pauseMs))
  invocation.output.rows(
    [
      ...BROKER_COLUMNS,
      { title: 'longest pause', value: (row) => formatDuration(pauseOf(row)), align: 'right' },
    ],
    outcome.brokers,
  )
  if (!outcome.isChanged) invocation.note(`${topic} has that many queues already`)
  else if (outcome.order === 'none') {
    invocation.note(
      `done in ${formatDuration(outcome.elapsedMs)}; keys may be out of order: new queues were read beside old ones`,
    )
  } else {
    invocation.note(
      `done in ${formatDuration(outcome.elapsedMs)}; no queue was held longer than ${formatDuration(longestPauseMs)}`,
    )
  }
  for (const { group, messageCount } of leftBehind) {
    invocation.note(`warning: group ${group} was not waited for (${messageCount} messages)`)
  }
  for (const { group, queue } of unowned) {
    invocation.note(
      `note: no member of ${group} has taken queue ${queue.queueId} of ${queue.brokerName} yet`,
    )
  }
}

function toJson(outcome: TopicChangeOutcome & { elapsedMs: number }): object {
  const { failures: _, unowned, ...rest } = outcome
  return {
    ...rest,
    unowned: unowned.map(({ group, queue }) => ({
      group,
      brokerName: queue.brokerName,
      queueId: queue.queueId,
    })),
  }
}

const STEP_TEXT: Record<ChangeProgress['step'], string> = {
  prepare: 'readers get the new queues',
  own: 'waiting until members have taken the new queues',
  fence: 'producers get the new queues',
  drain: 'groups consume what was sent before',
  release: 'groups read on',
  settle: 'waiting until every producer knows',
  close: 'closing the queues that go',
  consume: 'groups consume the queues that go',
  retire: 'taking the queues away',
  finish: 'finishing',
}

function progressText({ step, elapsedMs, waits }: ChangeProgress): string {
  const [first] = waits
  const who = first === undefined ? '' : `: ${first.group} has ${first.messageCount} left`
  return `${formatDuration(elapsedMs)}: ${STEP_TEXT[step]}${who}`
}
