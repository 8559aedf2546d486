// Our own executable as a process: nodes on free ports of loopback, and commands run to their end.
// MQ_BIN names it (dist/mq unless set); it may be several words, `bun src/main.ts` for example.

import { join } from 'node:path'
import { PROJECT_DIR } from './maven.ts'
import { freePorts } from './ports.ts'
import { Process, type RunResult, runToEnd } from './process.ts'

const START_TIMEOUT_MS = 20_000
const COMMAND_TIMEOUT_MS = 60_000

export const MQ_COMMAND: readonly string[] = (
  Bun.env['MQ_BIN'] ?? join(PROJECT_DIR, 'dist/mq')
).split(' ')

async function startNode(options: {
  name: string
  args: readonly string[]
  dir: string
}): Promise<Process> {
  const process = Process.start({
    name: `mq ${options.name}`,
    command: [...MQ_COMMAND, ...options.args],
    logPath: join(options.dir, `${options.name}.log`),
    cwd: PROJECT_DIR,
  })
  try {
    await process.waitForOutput(/^ready /m, START_TIMEOUT_MS)
  } catch (error) {
    await process.stop('SIGKILL')
    throw error
  }
  return process
}

export interface Node {
  address: string
  process: Process
}

/** A nameserver of ours; `dir` receives its output. */
export async function startNameserver(dir: string): Promise<Node> {
  const address = `127.0.0.1:${freePorts(1)[0]!}`
  const process = await startNode({
    name: 'nameserver',
    args: ['nameserver', '--listen', address],
    dir,
  })
  return { address, process }
}

/** A broker of ours; its data goes below `dir`. */
export async function startBroker(options: {
  dir: string
  nameservers: readonly string[]
  name?: string
  /** What it tells clients; its own address unless given. */
  advertise?: string
  args?: readonly string[]
}): Promise<Node> {
  const address = `127.0.0.1:${freePorts(1)[0]!}`
  const name = options.name ?? 'mq-a'
  const process = await startNode({
    name,
    dir: options.dir,
    args: [
      'broker',
      ...['--name', name, '--cluster', 'DefaultCluster'],
      ...['--listen', address, '--advertise', options.advertise ?? address],
      ...['--nameservers', options.nameservers.join(',')],
      ...['--data', join(options.dir, `${name}-data`)],
      ...(options.args ?? []),
    ],
  })
  return { address, process }
}

/** One command of ours, run to its end. */
export function mq(args: readonly string[], options: { stdin?: string } = {}): Promise<RunResult> {
  return runToEnd([...MQ_COMMAND, ...args], {
    timeoutMs: COMMAND_TIMEOUT_MS,
    cwd: PROJECT_DIR,
    ...options,
  })
}
