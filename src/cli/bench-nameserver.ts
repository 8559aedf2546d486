// `mq bench nameserver`: how many brokers, topics and clients one nameserver holds, and what each piece
// of its work costs it. The load runs in this process and shares the machine, so the CPU time of the
// nameserver says more than the rates.

import { EXIT, MqError } from '../core/errors.ts'
import { LOG_LEVELS } from '../core/logger.ts'
import { parseAddress } from '../remoting/address.ts'
import { type LoadOptions, NameserverBench, type PhaseOutcome } from './bench-nameserver-load.ts'
import {
  type BenchPhase,
  PhaseMeter,
  probedPhase,
  reportPhases,
} from './bench-nameserver-phases.ts'
import { ChildNode } from './child-node.ts'
import { JSON_OPTION } from './client-session.ts'
import type { Command, Invocation } from './command.ts'
import { type TemporaryFolder, temporaryFolder } from './exit-duty.ts'
import { Interrupted } from './interruption.ts'
import { findListener, openFilesMax } from './local-process.ts'
import { formatCount } from './units.ts'

const BROKERS = 1_000
const TOPICS = 1_000
const CLIENTS = 10_000
const WATCHERS = 1_000
const ROUNDS = 5
const DURATION_MS = 30_000
/** Files and libraries that a process has open besides its connections. */
const OTHER_FILES = 100

export const nameserverBench: Command = {
  usage: '',
  summary: 'Registers brokers at one nameserver, pulls from it and watches it.',
  examples: [
    {
      command: 'mq bench nameserver',
      does: '1,000 brokers × 1,000 topics, 10,000 clients, 1,000 watchers; three minutes',
    },
    { command: 'mq bench nameserver --spread 8', does: 'each topic on 8 of the brokers' },
    { command: 'mq bench nameserver --clients 10000 --watchers 10000', does: 'all of them watch' },
    {
      command: 'mq bench nameserver --brokers 10 --topics 100 --clients 100 --duration 3s',
      does: 'a quick look',
    },
  ],
  options: [
    { flag: '--brokers <n>', help: `brokers (default ${BROKERS})` },
    { flag: '--topics <n>', help: `topics (default ${TOPICS})` },
    { flag: '--spread <n>', help: 'brokers that have each topic (default all)' },
    { flag: '--clients <n>', help: `clients that pull one topic each (default ${CLIENTS})` },
    { flag: '--watchers <n>', help: `how many of them watch as well (default ${WATCHERS})` },
    { flag: '--rounds <n>', help: `a broker leaves and joins this often (default ${ROUNDS})` },
    { flag: '--duration <duration>', help: 'of each phase at the usual pace (default 30s)' },
    {
      flag: '--target <address>',
      help: 'a nameserver that runs already (default: one of its own)',
    },
    { flag: '--log <level>', help: 'of its own nameserver (default error)' },
    JSON_OPTION,
  ],
  timeLimit: 'Four times --duration (30 s), and as long as the work takes; 60 s for each answer.',
  notes: [
    'Never at a nameserver in use: its clients would learn of brokers that do not exist.',
    'Probing is measured in a process of its own, which stands for a registry that probes.',
  ],
  async run(invocation) {
    const options = readOptions(invocation)
    checkOpenFiles(options)
    const target = invocation.flags.text('target')
    if (target !== undefined) return measure(invocation, options, target)
    const level = invocation.flags.choice('log', LOG_LEVELS) ?? 'error'
    const folder = temporaryFolder('mq-bench-')
    try {
      return await measureOwn(invocation, options, { folder, level })
    } finally {
      folder.remove()
    }
  },
}

async function measureOwn(
  invocation: Invocation,
  options: LoadOptions,
  { folder, level }: { folder: TemporaryFolder; level: string },
): Promise<number> {
  const node = await ChildNode.start({
    name: 'nameserver',
    args: ['nameserver', '--listen', '127.0.0.1:0', '--log', level],
    folder: folder.path,
    onLine: (_, line) => invocation.note(line),
  })
  try {
    return await measure(invocation, options, node.address)
  } finally {
    await node.stop()
  }
}

function readOptions({ flags }: Invocation): LoadOptions {
  const many = { min: 1, max: 100_000 }
  const brokerCount = flags.integer('brokers', many) ?? BROKERS
  const clientCount = flags.integer('clients', { ...many, min: 0 }) ?? CLIENTS
  return {
    brokerCount,
    topicCount: flags.integer('topics', many) ?? TOPICS,
    spread: flags.integer('spread', { min: 1, max: brokerCount }) ?? brokerCount,
    clientCount,
    watcherCount:
      flags.integer('watchers', { min: 0, max: clientCount }) ?? Math.min(WATCHERS, clientCount),
    rounds: flags.integer('rounds', { min: 1, max: 10_000 }) ?? ROUNDS,
    durationMs: flags.durationMs('duration') ?? DURATION_MS,
  }
}

function checkOpenFiles({ brokerCount, clientCount }: LoadOptions): void {
  const wanted = brokerCount + clientCount + OTHER_FILES
  const max = openFilesMax()
  if (max === null || max >= wanted) return
  throw new MqError(
    'USAGE',
    `${formatCount(brokerCount + clientCount)} connections need ${formatCount(wanted)} open files, ` +
      `and a process may have ${formatCount(max)} here`,
    {
      hint: `ulimit -n ${wanted}; or fewer with --clients ${Math.max(0, max - brokerCount - OTHER_FILES)}`,
    },
  )
}

async function measure(
  invocation: Invocation,
  options: LoadOptions,
  target: string,
): Promise<number> {
  const { brokerCount, clientCount, watcherCount, durationMs } = options
  const address = parseAddress(target)
  const meter = new PhaseMeter(findListener(address))
  const load = new NameserverBench(address, options, (line) => invocation.note(line))
  const phases: BenchPhase[] = []
  let title = ''
  const run = async (name: string, work: () => Promise<PhaseOutcome>): Promise<void> => {
    title = name
    phases.push(await meter.measure(name, work))
  }
  invocation.note(
    `${formatCount(brokerCount)} brokers with ${formatCount(load.entryCount)} topics in all, ` +
      `${formatCount(clientCount)} clients, ${formatCount(watcherCount)} watchers at ${target}`,
  )
  invocation.progress.start(() => title)
  const forget = invocation.interruption.onReceived(() => load.stop())
  try {
    await run('register', () => load.register())
    await run('register again', () => load.beat())
    await run('beat', () => load.beat())
    await run('beat every 30 s', () => load.steady(durationMs))
    for (const keeps of [false, true]) {
      title = 'probe every 30 s'
      phases.push(await probedPhase({ brokerCount, durationMs, keeps }))
    }
    if (clientCount > 0) {
      await run('connect and pull', () => load.pullFirst())
      await run('pull', () => load.pullAgain())
      await run('all every 30 s', () => load.steady(durationMs))
    }
    if (watcherCount > 0) {
      await run('watch', () => load.watch())
      await run('push', () => load.push())
    }
  } catch (error) {
    const { exitCode } = invocation.interruption
    throw exitCode === null ? error : new Interrupted(exitCode)
  } finally {
    forget()
    invocation.progress.stop()
    load.stop()
  }
  reportPhases(invocation, phases)
  return EXIT.ok
}
