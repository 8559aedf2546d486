// Apache's own nameserver, broker and mqadmin as processes on loopback: small heaps, everything they
// write in one temporary folder, ready when start() returns.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { JAVA_MODULE_FLAGS, mavenClassPath } from './maven.ts'
import { freeBrokerPort, freePorts } from './ports.ts'
import { Process, type RunResult, runToEnd } from './process.ts'

/** The releases whose servers are complete in Maven Central. */
export const APACHE_VERSIONS = ['4.9.7', '5.3.3', '5.5.0'] as const
export type ApacheVersion = (typeof APACHE_VERSIONS)[number]

const START_TIMEOUT_MS = 90_000
const ADMIN_TIMEOUT_MS = 60_000

export function apacheClassPath(version: ApacheVersion): Promise<string> {
  return mavenClassPath({
    dir: join(import.meta.dir, '../apache'),
    output: `apache-${version}`,
    version,
    goals: ['dependency:copy-dependencies'],
  })
}

export interface ApacheOptions {
  version: ApacheVersion
  /** A folder of the caller's, for configuration, logs and data. */
  dir: string
  javaFlags?: readonly string[]
  /** Extra lines of the properties file, by Apache's names. */
  properties?: Record<string, string | number | boolean>
}

async function javaCommand(options: ApacheOptions, heap: string, mainClass: string) {
  return [
    'java',
    '-Xms256m',
    `-Xmx${heap}`,
    '-XX:MaxDirectMemorySize=1g',
    ...JAVA_MODULE_FLAGS,
    // Logs and offset files go below the home folder of the user.
    `-Duser.home=${options.dir}`,
    ...(options.javaFlags ?? []),
    '-cp',
    await apacheClassPath(options.version),
    mainClass,
  ]
}

// 4.9 reads its logging from these files and does not start without them; 5.x brings its own.
const QUIET_LOGBACK = `<configuration><root level="OFF"/></configuration>\n`

function writeLoggingFiles(home: string): void {
  mkdirSync(join(home, 'conf'), { recursive: true })
  for (const role of ['namesrv', 'broker', 'tools']) {
    writeFileSync(join(home, 'conf', `logback_${role}.xml`), QUIET_LOGBACK)
  }
}

function writeProperties(path: string, values: Record<string, string | number | boolean>): void {
  const lines = Object.entries(values).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(path, lines.join(''))
}

async function startServer(
  options: ApacheOptions,
  role: { name: string; mainClass: string; heap: string; ready: RegExp },
  properties: Record<string, string | number | boolean>,
): Promise<Process> {
  const home = join(options.dir, `${role.name}-home`)
  writeLoggingFiles(home)
  const propertiesPath = join(home, 'conf', `${role.name}.properties`)
  writeProperties(propertiesPath, { ...properties, ...options.properties })
  const command = await javaCommand(options, role.heap, role.mainClass)
  const process = Process.start({
    name: `Apache ${role.name} ${options.version}`,
    command: [...command, '-c', propertiesPath],
    logPath: join(options.dir, `${role.name}.log`),
    cwd: options.dir,
    env: { ROCKETMQ_HOME: home },
  })
  try {
    await process.waitForOutput(role.ready, START_TIMEOUT_MS)
  } catch (error) {
    await process.stop('SIGKILL')
    throw error
  }
  return process
}

export interface Server {
  address: string
  process: Process
}

export async function startApacheNameserver(
  options: ApacheOptions & { port?: number },
): Promise<Server> {
  const port = options.port ?? freePorts(1)[0]!
  const process = await startServer(
    options,
    {
      name: 'nameserver',
      mainClass: 'org.apache.rocketmq.namesrv.NamesrvStartup',
      heap: '512m',
      ready: /Name Server boot success/,
    },
    { listenPort: port, bindAddress: '127.0.0.1' },
  )
  return { address: `127.0.0.1:${port}`, process }
}

export interface ApacheBrokerOptions extends ApacheOptions {
  nameservers: readonly string[]
  clusterName?: string
  brokerName?: string
  port?: number
  /** The address in routes; 127.0.0.1 unless something stands between broker and clients. */
  advertiseHost?: string
  flush?: 'ASYNC_FLUSH' | 'SYNC_FLUSH'
  heapMb?: number
}

export async function startApacheBroker(options: ApacheBrokerOptions): Promise<Server> {
  const port = options.port ?? freeBrokerPort()
  const host = options.advertiseHost ?? '127.0.0.1'
  const process = await startServer(
    options,
    {
      name: 'broker',
      mainClass: 'org.apache.rocketmq.broker.BrokerStartup',
      heap: `${options.heapMb ?? 768}m`,
      ready: /The broker\[.*boot success/,
    },
    {
      brokerClusterName: options.clusterName ?? 'DefaultCluster',
      brokerName: options.brokerName ?? 'apache-a',
      brokerId: 0,
      brokerIP1: host,
      brokerIP2: host,
      listenPort: port,
      bindAddress: '127.0.0.1',
      namesrvAddr: options.nameservers.join(';'),
      // Relative to the folder it runs in: it tells clients where its files are.
      storePathRootDir: 'store',
      storePathCommitLog: 'store/commitlog',
      brokerRole: 'ASYNC_MASTER',
      flushDiskType: options.flush ?? 'ASYNC_FLUSH',
      autoCreateTopicEnable: true,
      enablePropertyFilter: true,
      // A cold broker on a busy machine otherwise answers "broker busy" (default 200 ms).
      waitTimeMillsInSendQueue: 3000,
      // Refuses every send above 75 % disk use by default, whatever is free.
      diskMaxUsedSpaceRatio: 95,
      ...(options.properties ?? {}),
    },
  )
  return { address: `${host}:${port}`, process }
}

// 5.x tells on stdout how its logging was set up, two hundred lines of it, before the answer.
const LOGBACK_STATUS_LINE = /^\d\d:\d\d:\d\d,\d{3} \|-.*\n/gm

/** `mqadmin <arguments>`. It often exits 0 with its error on stdout: look at both. */
export async function mqadmin(options: ApacheOptions, args: readonly string[]): Promise<RunResult> {
  const command = await javaCommand(
    options,
    '256m',
    'org.apache.rocketmq.tools.command.MQAdminStartup',
  )
  writeLoggingFiles(options.dir)
  const result = await runToEnd([...command, ...args], {
    timeoutMs: ADMIN_TIMEOUT_MS,
    cwd: options.dir,
    env: { ROCKETMQ_HOME: options.dir },
  })
  return { ...result, stdout: result.stdout.replaceAll(LOGBACK_STATUS_LINE, '') }
}
