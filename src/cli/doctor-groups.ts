// Judges of consumer groups: every queue with exactly one owner, members that want the same, a backlog
// that shrinks. Pure: facts in, findings out.

import type { GroupDescription } from '../client/admin-results.ts'
import { describeDifference } from '../remoting/group-view.ts'
import {
  type CheckResult,
  checkResult,
  counted,
  type Finding,
  problem,
  warning,
} from './doctor-findings.ts'
import { queuesWith } from './group-warnings.ts'
import { formatCount, formatDuration } from './units.ts'

export function judgeOwners(groups: readonly GroupDescription[]): CheckResult {
  const findings = groups.flatMap((group): Finding[] => {
    const fix = `see the views of its members: mq group show ${group.group}; they differ while nameservers do (mq route TOPIC --diff)`
    const nobody = queuesWith(group, 'none')
    const several = queuesWith(group, 'several')
    return [
      ...(nobody === null ? [] : [problem(`nobody of group ${group.group} holds ${nobody}`, fix)]),
      ...(several === null
        ? []
        : [
            problem(
              `more than one of group ${group.group} holds ${several}: messages come twice`,
              fix,
            ),
          ]),
    ]
  })
  const online = groups.filter(({ members }) => members.length > 0).length
  return checkResult('owners', `${counted(online, 'group')} online of ${groups.length}`, findings)
}

export function judgeSubscriptions(groups: readonly GroupDescription[]): CheckResult {
  const findings = groups.flatMap(({ group, unequalSubscriptions }) =>
    unequalSubscriptions.map((difference) =>
      problem(
        `members of group ${group} subscribe differently, and messages are lost to it: ${describeDifference(difference)}`,
        'give all members of a group the same topics and filters, or each kind a group of its own',
      ),
    ),
  )
  return checkResult('subscriptions', 'members of a group want the same', findings)
}

/** `before` is what was seen `apartMs` earlier; empty if nothing was watched. */
export function judgeLag(
  groups: readonly GroupDescription[],
  before: readonly GroupDescription[],
  apartMs: number,
): CheckResult {
  const findings = groups.flatMap((group): Finding[] => {
    const name = group.group
    const lag = lagOf(group)
    if (lag === 0) return []
    if (group.members.length === 0) {
      return [
        warning(
          `group ${name} is ${formatCount(lag)} messages behind and has no members`,
          `start its consumers, or skip the rest: mq group reset ${name} --topic TOPIC --to end`,
        ),
      ]
    }
    const earlier = before.find((other) => other.group === name)
    if (earlier === undefined) return []
    const consumed = consumedOf(group) - consumedOf(earlier)
    const grown = lag - lagOf(earlier)
    if (consumed <= 0) {
      return [
        warning(
          `group ${name} is ${formatCount(lag)} messages behind and finished none in ${formatDuration(apartMs)}`,
          `see what its members do: mq group show ${name}, and their logs`,
        ),
      ]
    }
    if (grown <= 0) return []
    return [
      warning(
        `group ${name} falls behind: ${formatCount(grown)} more in ${formatDuration(apartMs)}, ${formatCount(lag)} in all`,
        'add members (up to one for each queue), or make the handlers faster',
      ),
    ]
  })
  const lag = groups.reduce((sum, group) => sum + lagOf(group), 0)
  return checkResult('lag', `${formatCount(lag)} messages behind in all`, findings)
}

export function lagOf({ queues }: GroupDescription): number {
  return queues.reduce((sum, { lag }) => sum + lag, 0)
}

function consumedOf({ queues }: GroupDescription): number {
  return queues.reduce((sum, { committedOffset }) => sum + (committedOffset ?? 0), 0)
}
