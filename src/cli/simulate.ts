// `mq simulate broker-shutdown`: takes a broker away under load and holds what clients saw against
// what the design promises.

import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { Logger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import { CLIENT_OPTIONS, JSON_OPTION } from './client-session.ts'
import type { Command, CommandGroup } from './command.ts'
import { resolveSettings } from './context.ts'
import type { ProbeOptions } from './shutdown-probe.ts'
import { ShutdownSimulation } from './shutdown-simulation.ts'
import { liveTarget, throwawayTarget } from './shutdown-target.ts'
import { Timeline } from './timeline.ts'

const MODES = ['kill', 'graceful'] as const
const PER_SECOND = 50

const brokerShutdown: Command = {
  usage: '',
  summary: 'Shuts a broker down under load and prints what clients saw beside what was expected.',
  examples: [
    { command: 'mq simulate broker-shutdown --mode kill', does: 'kill -9 in a throw-away cluster' },
    {
      command: 'mq simulate broker-shutdown --mode graceful --route-interval 5s',
      does: 'a planned stop, with a shorter wait',
    },
    {
      command: 'mq simulate broker-shutdown --mode kill --broker broker-b',
      does: 'a real broker of this machine',
    },
  ],
  options: [
    { flag: '--mode <mode>', help: 'kill (SIGKILL) or graceful (SIGTERM)' },
    { flag: '--broker <name>', help: 'the broker to take down, in the cluster of --nameservers' },
    { flag: '--throwaway', help: 'in a cluster started for this (the default without --broker)' },
    { flag: '--pid <n>', help: "the broker's process, if it cannot be found by its port" },
    { flag: '--rate <n>', help: `messages a second of each producer (default ${PER_SECOND})` },
    JSON_OPTION,
    ...CLIENT_OPTIONS,
  ],
  timeLimit:
    'Two route intervals (--route-interval, 30 s) and a minute at most; exit code 1 if an expectation was not met.',
  notes: [
    'One producer does not retry, asks for routes only every --route-interval and so shows how long a',
    'stale route hurts; the other retries on another broker. Two consumers share a group.',
  ],
  async run(invocation) {
    const { flags, progress, output } = invocation
    const mode = flags.choice('mode', MODES)
    if (mode === undefined) {
      throw new MqError('USAGE', '--mode is missing: kill or graceful', {
        hint: 'mq simulate broker-shutdown --mode kill',
      })
    }
    const settings = resolveSettings('client', flags)
    const onLine = (name: string, line: string): void => {
      if (flags.isSet('verbose')) invocation.note(`${name} | ${line}`)
    }
    const wanted = flags.text('broker')
    const target =
      wanted === undefined || flags.isSet('throwaway')
        ? await throwawayTarget(wanted ?? 'broker-b', onLine)
        : await liveTarget(invocation, wanted)
    const timeline = new Timeline({
      output,
      clock: systemClock,
      clearProgress: () => progress.clear(),
    })
    const probe: ProbeOptions = {
      topic: `mq-simulation-${systemRandom.hex(4)}`,
      nameservers: target.nameservers,
      perSecond: flags.integer('rate', { min: 1, max: 10_000 }) ?? PER_SECOND,
      routeIntervalMs: settings.number('route-interval'),
      network: bunNetwork,
      clock: systemClock,
      random: systemRandom,
      logger: new Logger({
        clock: systemClock,
        sink: (line) => onLine('client', line),
        level: 'warn',
        scope: 'client',
      }),
    }
    try {
      await new ShutdownSimulation({ invocation, target, timeline, probe, mode }).run()
    } finally {
      progress.stop()
      await target.dispose()
    }
    const missed = timeline.facts.filter((fact) => !fact.isMet)
    if (output.isJson) for (const fact of timeline.facts) output.object(fact)
    if (missed.length === 0) return invocation.interruption.exitCode ?? EXIT.ok
    const titles = missed.map((fact) => fact.title).join(', ')
    throw new MqError(
      'INTERNAL',
      `${missed.length} of ${timeline.facts.length} expectations were not met: ${titles}`,
      {
        hint: 'run it again with --verbose to see what the clients said',
      },
    )
  },
}

export const simulate: CommandGroup = { actions: { 'broker-shutdown': brokerShutdown } }
