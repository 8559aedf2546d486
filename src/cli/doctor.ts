// `mq doctor`: walks from the seeds to the last queue, says what is wrong, and what to do about it.

import { existsSync } from 'node:fs'
import type { GroupDescription, ProbeResult } from '../client/admin-results.ts'
import type { Client } from '../client/client.ts'
import {
  type BrokerFacts,
  describeGroups,
  gatherClusterFacts,
  gatherGroups,
} from '../client/diagnosis.ts'
import { sleep } from '../core/clock.ts'
import { EXIT } from '../core/errors.ts'
import { CLIENT_OPTIONS, JSON_OPTION, withClient } from './client-session.ts'
import type { Command, Invocation } from './command.ts'
import { resolverOf, resolveSettings } from './context.ts'
import {
  judgeAddresses,
  judgeNameservers,
  judgeRegistrations,
  judgeSeeds,
  judgeVersions,
} from './doctor-cluster.ts'
import type { CheckResult } from './doctor-findings.ts'
import { judgeLag, judgeOwners, judgeSubscriptions, lagOf } from './doctor-groups.ts'
import { gatherDataFolders, gatherSeeds, gatherTemp } from './doctor-local.ts'
import { judgeClocks, judgeDataFolders, judgeDisks, judgeTemp } from './doctor-machines.ts'
import { type Diagnosis, metricsOf, printDiagnosis } from './doctor-report.ts'
import { judgeTopics } from './doctor-topics.ts'

const LIMIT_MS = 60_000
const DATA_FOLDER = 'mq-data'
/** Members commit every 5 s: less would call every group stuck. */
const WATCH_MS = 6_000
/** Members that are told of a change have shared out anew long before. */
const RECHECK_MS = 1_000

export const doctor: Command = {
  usage: '',
  summary: 'Finds what is wrong with a cluster and this machine, and says what to do about it.',
  examples: [
    { command: 'mq doctor', does: 'everything; exit code 1 if there is a problem' },
    { command: 'mq doctor --probe', does: 'and how fast every broker answers' },
    { command: 'mq doctor --json | jq .metrics.queues_without_owner', does: 'for monitoring' },
  ],
  options: [
    { flag: '--probe', help: 'print how fast each broker answers, 32 asked at a time' },
    { flag: '--data <dir>', help: 'look at the data folder, or folders, of brokers here' },
    {
      flag: '--watch-lag <duration>',
      help: 'how long a group with a backlog is watched (default 6s, 0s for not at all)',
    },
    ...CLIENT_OPTIONS,
    { flag: '--timeout <duration>', help: 'give up after this long (default 60s)' },
    JSON_OPTION,
  ],
  timeLimit: '--timeout, 60 s by default; then it ends with exit code 6.',
  notes: [
    'Looks at seeds, nameservers, registrations, advertised addresses, topics, groups, disks, clocks,',
    'versions, and on this machine the temporary and data folders. A warning (!) leaves the exit code',
    'at 0, a problem (✗) makes it 1. Nothing is changed.',
  ],
  async run(invocation) {
    const settings = resolveSettings('client', invocation.flags)
    const seeds = await gatherSeeds(settings.list('nameservers'), resolverOf(settings))
    const checks = [judgeSeeds(seeds)]
    const diagnosis: Diagnosis = { checks, groups: [], facts: null, probes: [] }
    if (seeds.some(({ addresses }) => addresses !== null)) {
      await withClient(invocation, ({ client }) => examine(invocation, client, diagnosis), LIMIT_MS)
    }
    checks.push(...localChecks(invocation))
    printDiagnosis(invocation.output, diagnosis)
    return metricsOf(diagnosis).problems === 0 ? EXIT.ok : EXIT.failed
  },
}

async function examine(
  invocation: Invocation,
  client: Client,
  diagnosis: Diagnosis,
): Promise<void> {
  const { checks } = diagnosis
  const facts = await gatherClusterFacts(client)
  const { nameservers, brokers } = facts
  diagnosis.facts = facts
  checks.push(judgeNameservers(nameservers))
  if (nameservers.every(({ error }) => error !== null)) {
    invocation.note('note: no nameserver answers, so brokers, topics and groups were not looked at')
    return
  }
  const { groups, before, apartMs } = await watchGroups(invocation, client, brokers)
  diagnosis.groups = groups
  if (invocation.flags.isSet('probe')) diagnosis.probes = brokers.map(probeRow)
  checks.push(
    judgeRegistrations(nameservers),
    judgeAddresses(brokers, nameservers),
    judgeTopics(facts),
    judgeOwners(groups),
    judgeSubscriptions(groups),
    judgeLag(groups, before, apartMs),
    judgeDisks(brokers),
    judgeClocks(brokers, nameservers),
    judgeVersions(brokers, nameservers),
  )
}

/** Groups as they are; those with something odd are looked at twice, because groups do change. */
async function watchGroups(
  invocation: Invocation,
  client: Client,
  brokers: readonly BrokerFacts[],
): Promise<{ groups: GroupDescription[]; before: GroupDescription[]; apartMs: number }> {
  const first = await gatherGroups(client, brokers)
  const watchMs = invocation.flags.durationMs('watch-lag') ?? WATCH_MS
  const lagging = first.filter((group) => group.members.length > 0 && lagOf(group) > 0)
  const odd = first.filter((group) => group.queuesWithoutOwner + group.queuesWithTwoOwners > 0)
  const apartMs = watchMs > 0 && lagging.length > 0 ? watchMs : odd.length > 0 ? RECHECK_MS : 0
  if (apartMs === 0) return { groups: first, before: [], apartMs }
  if (apartMs === watchMs)
    invocation.progress.start(() => `watching the lag of ${lagging.length} groups`)
  await sleep(client.options.clock, apartMs)
  const names = [...new Set([...lagging, ...odd].map(({ group }) => group))]
  const again = await describeGroups(client, brokers, names)
  const groups = first.map((group) => again.find((other) => other.group === group.group) ?? group)
  return { groups, before: apartMs === watchMs ? lagging : [], apartMs }
}

function probeRow({ brokerName, probe }: BrokerFacts): ProbeResult & { brokerName: string } {
  return { brokerName, ...probe }
}

function localChecks({ flags }: Invocation): CheckResult[] {
  const checks = [judgeTemp(gatherTemp())]
  const data = flags.text('data') ?? (existsSync(DATA_FOLDER) ? DATA_FOLDER : null)
  if (data !== null) checks.push(judgeDataFolders(gatherDataFolders(data)))
  return checks
}
