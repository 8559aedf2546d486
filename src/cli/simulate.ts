// `mq simulate SCENARIO`: practises a failure under load and holds what was seen against what the design
// promises, on a throw-away cluster of real processes, on a running one, or in virtual time.

import { MqError } from '../core/errors.ts'
import { PROTOCOL_INTERVALS } from '../lab/lab-cluster.ts'
import { PER_SECOND, SCENARIOS } from '../lab/practice.ts'
import { type Scenario, type ScenarioOptions, SHUTDOWN_MODES } from '../lab/scenario.ts'
import { CLIENT_OPTIONS, JSON_OPTION } from './client-session.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import type { OptionSpec } from './flags.ts'
import { runLive, runVirtually, SEED } from './simulation-run.ts'
import { formatDuration } from './units.ts'

const SHUTDOWN = 'broker-shutdown'

const OPTIONS: readonly OptionSpec[] = [
  { flag: '--virtual', help: "in virtual time: minutes in a second, the protocol's own numbers" },
  { flag: '--seed <n>', help: `with --virtual: the same seed, the same run (default ${SEED})` },
  { flag: '--speed <n>', help: 'every interval of the throw-away cluster n times shorter' },
  { flag: '--heartbeat-interval <duration>', help: 'how often its brokers register' },
  { flag: '--scan-interval <duration>', help: 'how often its nameservers look for silent brokers' },
  { flag: '--broker-expiry <duration>', help: 'how long they keep a silent broker' },
  { flag: '--rate <n>', help: `messages a second of each producer (default ${PER_SECOND})` },
  { flag: '--html <file>', help: 'also draw the timeline into one self-contained file' },
  JSON_OPTION,
  ...CLIENT_OPTIONS,
]

const SHUTDOWN_OPTIONS: readonly OptionSpec[] = [
  { flag: '--mode <mode>', help: `${SHUTDOWN_MODES.join(', ')}: how the broker goes` },
  { flag: '--broker <name>', help: 'the broker that goes, in the cluster of --nameservers' },
  { flag: '--throwaway', help: 'in a cluster started for this (the default without --broker)' },
  { flag: '--pid <n>', help: 'with --broker: its process, if it cannot be found by its port' },
]

function commandFor(scenario: Scenario): Command {
  const isShutdown = scenario.name === SHUTDOWN
  const words = `mq simulate ${scenario.name}${isShutdown ? ' --mode kill' : ''}`
  const length = scenario.lengthMs(PROTOCOL_INTERVALS, { mode: 'kill', brokerName: '' })
  return {
    usage: '',
    summary: `${capital(scenario.summary)}.`,
    examples: [
      { command: `${words} --virtual`, does: 'in virtual time: about a second' },
      { command: `${words} --speed 10`, does: 'real processes, every interval ten times shorter' },
      { command: `${words} --virtual --html out.html`, does: 'and a picture of it' },
      ...(isShutdown
        ? [
            {
              command: `${words} --broker broker-b`,
              does: 'a broker of a cluster that runs; its process has to be on this machine',
            },
          ]
        : []),
    ],
    options: [...(isShutdown ? SHUTDOWN_OPTIONS : []), ...OPTIONS],
    timeLimit: `Says how long it will take at most: ${formatDuration(length)} with the protocol's numbers${
      isShutdown ? ', two minutes more with freeze and disconnect' : ''
    }. Exit code 1 if an expectation was not met.`,
    notes: [
      'Real clusters are made of this program, in a temporary folder, and removed. --virtual runs the same',
      'nodes and clients on a simulated network and clock.',
    ],
    run(invocation) {
      const options = scenarioOptions(invocation, scenario)
      const run = invocation.flags.isSet('virtual') ? runVirtually : runLive
      return run(invocation, scenario, options)
    },
  }
}

function scenarioOptions({ flags }: Invocation, scenario: Scenario): ScenarioOptions {
  const brokerName = flags.text('broker') ?? 'broker-b'
  if (scenario.name !== SHUTDOWN) return { mode: 'kill', brokerName }
  const mode = flags.choice('mode', SHUTDOWN_MODES)
  if (mode !== undefined) return { mode, brokerName }
  throw new MqError('USAGE', `--mode is missing: ${SHUTDOWN_MODES.join(', ')}`, {
    hint: 'mq simulate broker-shutdown --mode kill --virtual',
  })
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export const simulate: CommandGroup = {
  examples: [
    { command: `mq simulate ${SHUTDOWN} --mode kill --virtual`, does: 'about a second' },
    { command: 'mq simulate split-view --speed 10', does: 'real processes, ten times as fast' },
    { command: 'mq simulate expand --virtual --html out.html', does: 'and a picture of it' },
    {
      command: `mq simulate ${SHUTDOWN} --mode freeze --broker broker-b`,
      does: 'a broker of a cluster that runs',
    },
  ],
  actions: Object.fromEntries(SCENARIOS.map((scenario) => [scenario.name, commandFor(scenario)])),
}
