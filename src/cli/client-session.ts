// What every client command shares: where the cluster is, a client for it, and a limit on the time.

import { Client } from '../client/client.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { Logger, type LogLevel } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { SeedList } from '../remoting/seed-list.ts'
import type { Invocation } from './command.ts'
import { resolverOf, resolveSettings, settingOptions } from './context.ts'
import type { OptionSpec } from './flags.ts'
import { Interrupted } from './interruption.ts'
import { localHost } from './local-host.ts'
import { formatDuration } from './units.ts'

export const JSON_OPTION: OptionSpec = { flag: '--json', help: 'one JSON object per line' }

/** --nameservers, --config and --verbose; each command adds its own --timeout. */
export const CLIENT_OPTIONS: readonly OptionSpec[] = [
  ...settingOptions('client'),
  { flag: '--verbose', help: 'say on stderr what happens on the wire' },
]

export const TIMEOUT_MS = 10_000
export const TIMEOUT_OPTION: OptionSpec = {
  flag: '--timeout <duration>',
  help: 'give up after this long (default 10s)',
}
export const TIME_LIMIT = '--timeout, 10 s by default; then it ends with exit code 6.'

export interface Session {
  client: Client
  nameservers: string[]
}

/** Runs `action` with a client, at most --timeout long, and closes the client whatever happens. */
export async function withClient<T>(
  invocation: Invocation,
  action: (session: Session) => Promise<T>,
  defaultLimitMs = TIMEOUT_MS,
): Promise<T> {
  const limitMs = invocation.flags.durationMs('timeout') ?? defaultLimitMs
  return withSession(invocation, (session) =>
    withinLimit(systemClock, limitMs, invocation, action(session)),
  )
}

/** As `withClient`, for commands whose own words limit their time. */
export async function withSession<T>(
  invocation: Invocation,
  action: (session: Session) => Promise<T>,
  options: { requestTimeoutMs?: number } = {},
): Promise<T> {
  const settings = resolveSettings('client', invocation.flags)
  const seeds = new SeedList({
    resolver: resolverOf(settings),
    clock: systemClock,
    // What a name no longer leads to is said without --verbose: it ends nothing, but it will.
    logger: clientLogger(invocation, 'info'),
    onChange: (addresses) => client.routes.setNameservers(addresses),
  })
  const wanted = settings.list('nameservers')
  const nameservers = [...(await seeds.set(wanted))]
  if (nameservers.length === 0) {
    seeds.stop()
    throw noNameservers(wanted)
  }
  const client = new Client({
    nameservers,
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger: clientLogger(invocation, 'error'),
    host: localHost(),
    routePullIntervalMs: settings.number('route-interval'),
    ...options,
  })
  try {
    return await action({ client, nameservers })
  } catch (error) {
    throw withNextStep(error, nameservers)
  } finally {
    seeds.stop()
    await client.close()
  }
}

function clientLogger(invocation: Invocation, level: LogLevel): Logger {
  return new Logger({
    clock: systemClock,
    sink: (line) => invocation.note(line),
    level: invocation.flags.isSet('verbose') ? 'debug' : level,
    scope: 'client',
  })
}

function noNameservers(seeds: readonly string[]): MqError {
  return new MqError('UNREACHABLE', `no nameserver is known: ${seeds.join(', ')} led to none`, {
    hint: 'dns: asks DNS servers only (another with --dns-server IP:PORT), not the hosts file; HOST:PORT without dns: asks both',
  })
}

function withinLimit<T>(
  clock: Clock,
  limitMs: number,
  invocation: Invocation,
  work: Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(limitMs, () => {
      reject(
        new MqError('TIMED_OUT', `no complete answer within ${formatDuration(limitMs)}`, {
          hint: `allow more time with --timeout ${formatDuration(Math.max(1_000, limitMs * 3)).replace(/ /g, '')}`,
        }),
      )
    })
    const forget = invocation.interruption.onReceived(() => {
      reject(new Interrupted(invocation.interruption.exitCode ?? EXIT.failed))
    })
    work.then(resolve, reject).finally(() => {
      timer.cancel()
      forget()
    })
  })
}

/** An unreachable cluster is the most common mistake of all: say where it was looked for. */
function withNextStep(error: unknown, nameservers: readonly string[]): unknown {
  if (!(error instanceof MqError) || error.hint !== null) return error
  if (error.code !== 'UNREACHABLE' && error.code !== 'CONNECTION_CLOSED') return error
  return new MqError(error.code, error.message, {
    hint: `start a cluster with "mq up", or name yours: --nameservers HOST:PORT (asked ${nameservers.join(', ')})`,
    cause: error.cause,
  })
}
