// `mq route --watch`: after what is there now, one line for each change, by each nameserver on its own,
// until it is interrupted or has seen enough.

import { type FollowMode, RouteFollower } from '../client/route-follower.ts'
import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { Logger, printable } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import type { TopicRoute } from '../remoting/route.ts'
import type { Invocation } from './command.ts'
import type { OptionSpec } from './flags.ts'
import { type RouteChange, routeChanges } from './route-changes.ts'

const TIMEOUT_MS = 3_000

export const WATCH_OPTIONS: readonly OptionSpec[] = [
  { flag: '--watch', help: 'then one line per change, until Ctrl-C' },
  { flag: '--count <n>', help: 'with --watch: end after this many changes' },
  { flag: '--duration <duration>', help: 'with --watch: end after this long' },
]

interface ChangeRow extends RouteChange {
  timeMs: number
  nameserver: string
  topic: string
  learnedBy: 'push' | 'poll'
}

export interface FollowLimits {
  countMax: number | undefined
  durationMs: number | undefined
}

/** Null without --watch. */
export function readFollowLimits({ flags }: Invocation): FollowLimits | null {
  const countMax = flags.integer('count', { min: 1, max: Number.MAX_SAFE_INTEGER })
  const durationMs = flags.durationMs('duration')
  if (flags.isSet('watch')) return { countMax, durationMs }
  const alone = ['count', 'duration'].find((word) => flags.isSet(word))
  if (alone === undefined) return null
  throw new MqError('USAGE', `--${alone} says when --watch ends, and --watch is missing`, {
    hint: `add --watch, or leave --${alone} out`,
  })
}

export interface Followed {
  nameservers: readonly string[]
  topics: readonly string[]
  /** Topic → nameserver → the route that the user has been shown. */
  known: ReadonlyMap<string, ReadonlyMap<string, TopicRoute | null>>
}

export async function followRoutes(
  invocation: Invocation,
  followed: Followed & FollowLimits,
): Promise<number> {
  const { interruption } = invocation
  const { countMax, durationMs } = followed
  const ended = Promise.withResolvers<void>()
  let count = 0
  const print = (row: ChangeRow): void => {
    if (count === (countMax ?? Number.POSITIVE_INFINITY)) return
    printChange(invocation, row)
    if (++count === countMax) ended.resolve()
  }
  const followers = followed.nameservers.map((nameserver) =>
    newFollower(invocation, { ...followed, nameserver, print }),
  )
  invocation.output.onGone = () => ended.resolve()
  const forget = interruption.onReceived(() => ended.resolve())
  const timer = durationMs === undefined ? null : systemClock.after(durationMs, ended.resolve)
  try {
    await Promise.race([ended.promise, Promise.all(followers.map((each) => each.start()))])
    await ended.promise
  } finally {
    timer?.cancel()
    forget()
    await Promise.all(followers.map((each) => each.stop()))
  }
  return EXIT.ok
}

function newFollower(
  invocation: Invocation,
  options: Followed & { nameserver: string; print: (row: ChangeRow) => void },
): RouteFollower {
  const { nameserver, topics, known, print } = options
  const routes = new Map(topics.map((topic) => [topic, known.get(topic)?.get(nameserver) ?? null]))
  return new RouteFollower({
    nameserver,
    topics,
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger: new Logger({
      clock: systemClock,
      sink: (line) => invocation.note(line),
      level: invocation.flags.isSet('verbose') ? 'debug' : 'error',
      scope: nameserver,
    }),
    timeoutMs: TIMEOUT_MS,
    onMode: (mode, reason) => invocation.note(describeMode(nameserver, mode, reason)),
    onRoute: ({ topic, route, learnedBy }) => {
      const before = routes.get(topic) ?? null
      routes.set(topic, route)
      const timeMs = systemClock.wallMs()
      for (const change of routeChanges(before, route)) {
        print({ timeMs, nameserver, topic, ...change, learnedBy })
      }
    },
  })
}

function describeMode(nameserver: string, mode: FollowMode, reason: string | null): string {
  switch (mode) {
    case 'push':
      return `${nameserver} pushes changes`
    case 'poll':
      return `${nameserver} does not push changes, it is asked every second`
    case 'nothing':
      return `warning: ${nameserver} does not answer, it is asked again every second: ${reason}`
  }
}

function printChange({ output }: Invocation, row: ChangeRow): void {
  if (output.isJson) {
    output.object(row)
    return
  }
  const time = new Date(row.timeMs).toISOString()
  const was = row.change === 'changed' ? ` (was ${row.before})` : ''
  const paint =
    row.change === 'left'
      ? output.palette.red
      : row.change === 'joined'
        ? output.palette.green
        : output.palette.yellow
  const what = printable(`${row.after ?? row.before}${was}`)
  const who = printable(row.brokerName)
  const cells = [time, row.nameserver, row.topic, who, paint(row.change), what]
  output.line([...cells, row.learnedBy].join(output.isTerminal ? '  ' : '\t'))
}
