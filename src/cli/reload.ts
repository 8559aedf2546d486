// `mq reload`: asks running nodes to read their configuration files again. No value travels: each node
// reads its own file, so this works on the machine of the node only.

import { systemClock } from '../core/clock.ts'
import { describeError, EXIT, MqError } from '../core/errors.ts'
import { Logger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { formatAddress, parseAddress } from '../remoting/address.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { Channels } from '../remoting/channels.ts'
import { REQUEST } from '../remoting/codes.ts'
import { decodeReloadReport, type KeyChange, type ReloadReport } from '../remoting/reload-config.ts'
import { JSON_OPTION, TIME_LIMIT, TIMEOUT_MS, TIMEOUT_OPTION } from './client-session.ts'
import type { Command, Invocation } from './command.ts'
import { CONFIG_OPTION, findConfigFile, resolveSettings } from './context.ts'
import type { Column } from './output.ts'

interface Outcome {
  address: string
  /** Whether somebody asked for this very node, or it is only where one may be. */
  isNamed: boolean
  report: ReloadReport | null
  error: MqError | null
}

interface ReloadRow extends ReloadReport {
  address: string
}

export const reload: Command = {
  usage: '[...address]',
  summary: 'Makes running nodes of this machine read their configuration files again.',
  examples: [
    { command: 'mq reload', does: 'the nameserver and the broker of ./mq.toml' },
    { command: 'mq reload 127.0.0.1:10911', does: 'this one' },
    { command: 'kill -HUP PID', does: 'the same by a signal, answered in the log of the node' },
  ],
  options: [CONFIG_OPTION, TIMEOUT_OPTION, JSON_OPTION],
  timeLimit: TIME_LIMIT,
  notes: [
    'Without an address it asks where the configuration says that a nameserver and a broker listen, and',
    'needs one of them. A file with a mistake changes nothing: the sentence is printed, exit code 2. Keys',
    'that a node can only start with are named, the others are in force: exit code 7. `mq config explain`',
    'says which is which. A node takes the request from its own machine only, exit code 4 otherwise.',
  ],
  async run(invocation) {
    const targets = findTargets(invocation)
    const timeoutMs = invocation.flags.durationMs('timeout') ?? TIMEOUT_MS
    const all = await askAll(targets, timeoutMs)
    const isAnyThere = all.some(({ error }) => error === null)
    const outcomes = all.filter(({ isNamed, error }) => isNamed || error === null || !isAnyThere)
    print(invocation, outcomes)
    return exitCode(invocation, outcomes)
  },
}

function findTargets({ args, flags }: Invocation): { address: string; isNamed: boolean }[] {
  if (args.length > 0) {
    return args.map((arg) => ({ address: formatAddress(parseAddress(arg)), isNamed: true }))
  }
  const file = findConfigFile(flags)
  const addresses = (['nameserver', 'broker'] as const).map((role) => {
    const { host, port } = parseAddress(resolveSettings(role, flags, file).text('listen'))
    const isAny = host === '0.0.0.0' || host === '::'
    return formatAddress({ host: isAny ? '127.0.0.1' : host, port })
  })
  return [...new Set(addresses)].map((address) => ({ address, isNamed: false }))
}

async function askAll(
  targets: readonly { address: string; isNamed: boolean }[],
  timeoutMs: number,
): Promise<Outcome[]> {
  const channels = new Channels({
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger: new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'reload' }),
  })
  const ask = async (target: { address: string; isNamed: boolean }): Promise<Outcome> => {
    try {
      const { body } = await channels.call(target.address, REQUEST.reloadConfig, { timeoutMs })
      const report = decodeReloadReport(body)
      return { ...target, report, error: refusalOf(report) }
    } catch (error) {
      return { ...target, report: null, error: explained(error, target.address) }
    }
  }
  try {
    return await Promise.all(targets.map(ask))
  } finally {
    await channels.stop()
  }
}

function refusalOf({ refusal }: ReloadReport): MqError | null {
  if (refusal === null) return null
  return new MqError('CONFIG_INVALID', refusal.message, { hint: refusal.hint })
}

function explained(error: unknown, address: string): MqError {
  if (!(error instanceof MqError)) return new MqError('INTERNAL', describeError(error))
  const hints: Partial<Record<MqError['code'], string>> = {
    UNREACHABLE: 'name the node that runs: mq reload HOST:PORT',
    NO_PERMISSION: 'run it on the machine of the node, or send the process SIGHUP there',
    NOT_SUPPORTED: `${address} is not a node of mq that can reload; restart it`,
  }
  const hint = error.hint ?? hints[error.code]
  return hint === undefined ? error : new MqError(error.code, error.message, { hint })
}

function print(invocation: Invocation, outcomes: readonly Outcome[]): void {
  const columns: Column<ReloadRow>[] = [
    { title: 'address', value: (row) => row.address },
    { title: 'node', value: (row) => row.node },
    { title: 'file', value: (row) => row.path },
    { title: 'in force now', value: (row) => changesText(row.applied) },
    {
      title: 'needs a restart',
      value: (row) => changesText(row.needsRestart),
      paint: (row, palette) => (row.needsRestart.length > 0 ? palette.yellow : undefined),
    },
  ]
  const rows = outcomes.flatMap(({ address, report }) =>
    report === null ? [] : [{ address, ...report }],
  )
  const good = rows.filter(({ refusal }) => refusal === null)
  invocation.output.rows(columns, invocation.output.isJson ? rows : good)
  for (const { node, overridden } of good) {
    for (const { key, by } of overridden) {
      invocation.note(`note: ${node} keeps ${key}: ${by} wins over the file`)
    }
  }
}

function changesText(changes: readonly KeyChange[]): string {
  if (changes.length === 0) return '-'
  return changes.map(({ key, before, after }) => `${key}: ${before} → ${after}`).join(', ')
}

/** One failure is the command's own; of several each is named, and the first says what to do. */
function exitCode(invocation: Invocation, outcomes: readonly Outcome[]): number {
  const failures = outcomes.flatMap(({ error }) => error ?? [])
  const [first, ...more] = failures
  for (const { message } of more) {
    if (message !== first?.message) invocation.note(`error: ${message}`)
  }
  if (first !== undefined && failures.length === outcomes.length) throw first
  if (first !== undefined) {
    throw new MqError('PARTIAL', first.message, first.hint === null ? {} : { hint: first.hint })
  }
  const waiting = outcomes.some(({ report }) => (report?.needsRestart.length ?? 0) > 0)
  return waiting ? EXIT.partial : EXIT.ok
}
