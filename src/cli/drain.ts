// `mq drain` and `mq undrain`: a broker is taken out of service without a failed send, and back.

import {
  type DrainOutcome,
  type DrainProgress,
  drainBroker,
  undrainBroker,
} from '../client/drain.ts'
import { quietMs } from '../client/drain-decision.ts'
import { EXIT, MqError } from '../core/errors.ts'
import type { UnreadQueue } from '../remoting/drain-view.ts'
import { brokerProcess, stopProcess } from './broker-stop.ts'
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
import type { Column } from './output.ts'
import { formatCount, formatDuration } from './units.ts'

const LIMIT_MS = 600_000

export const drain: Command = {
  usage: '<broker>',
  summary:
    'Turns producers away from a broker and waits until it can be stopped without a failed send.',
  examples: [
    { command: 'mq drain broker-b', does: 'wait until nobody sends to it and all is read' },
    { command: 'mq drain broker-b --stop', does: 'and then stop its process, on its machine' },
    {
      command: 'mq drain broker-b --limit 2m --json',
      does: 'for scripts; exit code 7 if not done',
    },
  ],
  options: [
    { flag: '--limit <duration>', help: 'wait at most this long (default 10m)' },
    { flag: '--stop', help: 'stop the broker (SIGTERM) once it is drained' },
    { flag: '--force', help: 'also if no other broker takes messages of some topic' },
    ...CLIENT_OPTIONS,
    JSON_OPTION,
  ],
  timeLimit: '--limit, 10 min by default; then it ends with exit code 7 and names what is left.',
  notes: [
    'The broker registers its topics without write permission from then on, also after a restart, and',
    'takes every send that still comes. Producers have gone when none came for --route-interval and a',
    'second more: give the longest that any of them uses. "mq undrain" brings it back.',
  ],
  async run(invocation) {
    const { flags, interruption, progress } = invocation
    const brokerName = argument(invocation, 0)
    const limitMs = flags.durationMs('limit') ?? LIMIT_MS
    const given = new AbortController()
    const forget = interruption.onReceived(() => given.abort())
    const outcome = await withSession(invocation, ({ client }) => {
      let last: DrainProgress | null = null
      progress.start(() => (last === null ? `asking for ${brokerName}` : progressText(last)))
      return drainBroker(client, {
        brokerName,
        limitMs,
        isForced: flags.isSet('force'),
        signal: given.signal,
        onProgress: (news) => {
          last = news
        },
      }).finally(() => progress.stop())
    })
    forget()
    return finish(invocation, outcome)
  },
}

async function finish(invocation: Invocation, outcome: DrainOutcome): Promise<number> {
  const { flags, interruption, output } = invocation
  const { brokerName, address, isDrained } = outcome
  if (!outcome.isOrdered) invocation.note(apacheNote(brokerName))
  const pid = brokerProcess(address)
  const stops = isDrained && flags.isSet('stop') && pid !== null
  const stopMs = stops ? await stopProcess(pid) : null
  if (output.isJson) output.object(toJson(outcome, { pid, isStopped: stopMs !== null }))
  else if (isDrained) {
    output.line(drainedText(outcome))
    if (stopMs !== null) output.line(`stopped process ${pid} within ${formatDuration(stopMs)}`)
    else if (pid !== null) output.line(`it can be stopped now: kill -TERM ${pid}`)
    else output.line(`it can be stopped now; on its machine: mq drain ${brokerName} --stop`)
  } else output.rows(UNREAD_COLUMNS, outcome.view?.unread ?? [])
  const failureCode = reportFailures(invocation, { value: null, failures: outcome.failures })
  if (interruption.received !== null && !isDrained) {
    invocation.note(`${brokerName} is still draining; mq undrain ${brokerName} brings it back`)
    return interruption.exitCode ?? EXIT.failed
  }
  if (!isDrained) throw leftover(outcome)
  if (flags.isSet('stop') && pid === null) {
    throw new MqError(
      'PARTIAL',
      `${brokerName} is drained, but its process is not on this machine`,
      {
        hint: `on the machine of ${address}: mq drain ${brokerName} --stop`,
      },
    )
  }
  return failureCode
}

const UNREAD_COLUMNS: readonly Column<UnreadQueue>[] = [
  { title: 'group', value: (row) => row.group },
  { title: 'topic', value: (row) => row.topic },
  { title: 'queue', value: (row) => String(row.queueId), align: 'right' },
  { title: 'lag', value: (row) => String(row.lag), align: 'right' },
]

function toJson(outcome: DrainOutcome, end: { pid: number | null; isStopped: boolean }): object {
  const { brokerName, address, isDrained, isOrdered, view } = outcome
  return {
    brokerName,
    address,
    isDrained,
    isOrdered,
    ...end,
    elapsedMs: Math.round(outcome.elapsedMs),
    sends: view?.sends ?? null,
    lastSendAgeMs: view?.lastSendAgeMs ?? null,
    unreadQueueCount: view?.unreadQueueCount ?? null,
    unreadMessageCount: view?.unreadMessageCount ?? null,
    unread: view?.unread ?? [],
  }
}

function progressText({ step, elapsedMs, view }: DrainProgress): string {
  const since = formatDuration(elapsedMs)
  if (view === null) return `${since}: the broker does not answer`
  const unread = `${formatCount(view.unreadMessageCount)} messages unread`
  const [first] = view.unread
  const where = first === undefined ? '' : ` (${unreadText(first)})`
  if (step === 'consumers') return `${since}: ${unread}${where}`
  return `${since}: ${formatCount(view.sends)} sends came, none for ${formatDuration(quietMs(view))}; ${unread}${where}`
}

function drainedText({ brokerName, elapsedMs, view }: DrainOutcome): string {
  const age = view?.lastSendAgeMs ?? null
  const last = age === null ? '' : `, the last ${formatDuration(age)} ago`
  return `${brokerName} is drained after ${formatDuration(elapsedMs)}: ${formatCount(view?.sends ?? 0)} sends came meanwhile${last}; every group has read it to the end`
}

function leftover({ brokerName, elapsedMs, view, isQuiet }: DrainOutcome): MqError {
  const spent = `${brokerName} is not drained after ${formatDuration(elapsedMs)}`
  const hint = `it goes on draining: mq drain ${brokerName} waits on, mq undrain ${brokerName} brings it back`
  if (view === null) return new MqError('PARTIAL', `${spent}: it does not answer`, { hint })
  const reasons: string[] = []
  const [first] = view.unread
  if (first !== undefined) {
    const others = view.unreadQueueCount - 1
    const more = others === 0 ? '' : ` and ${others} more queues`
    reasons.push(`${unreadText(first)}${more}`)
  }
  if (!isQuiet) reasons.push(`no send for only ${formatDuration(quietMs(view))}`)
  return new MqError('PARTIAL', `${spent}: ${reasons.join('; ')}`, { hint })
}

function unreadText({ group, topic, queueId, lag }: UnreadQueue): string {
  return `group ${group} is ${formatCount(lag)} behind in ${topic} queue ${queueId}`
}

function apacheNote(brokerName: string): string {
  return `note: ${brokerName} is a RocketMQ broker, which cannot be told to drain; the nameservers keep producers away until it changes a topic or registers anew`
}

export const undrain: Command = {
  usage: '<broker>',
  summary:
    'Brings a drained broker back: producers use it again with their next pull of the route.',
  examples: [{ command: 'mq undrain broker-b', does: 'it takes its part of the sends again' }],
  options: [...CLIENT_OPTIONS, TIMEOUT_OPTION, JSON_OPTION],
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const brokerName = argument(invocation, 0)
    const outcome = await withClient(invocation, ({ client }) =>
      undrainBroker(client, { brokerName }),
    )
    const { address, isOrdered, failures } = outcome
    if (!isOrdered) {
      invocation.note(
        `note: ${brokerName} is a RocketMQ broker: all its topics are writable at the nameservers now`,
      )
    }
    if (invocation.output.isJson) invocation.output.object({ brokerName, address, isOrdered })
    else invocation.output.line(`${brokerName} takes messages again`)
    return reportFailures(invocation, { value: null, failures })
  },
}
