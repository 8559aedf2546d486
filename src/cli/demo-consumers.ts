// The demo's consumer group: processes of their own that print what they receive, so that each of them
// can be killed without the verdict being in the same memory.

import { systemClock } from '../core/clock.ts'
import { childEnvironment, eachLine } from './child-node.ts'
import type { Delivery } from './demo-ledger.ts'
import { selfCommand } from './self.ts'

const FORMAT = '{now}\\t{property.seq}\\t{key}\\t{body}'
/** What a broker that dies was not told of yet is delivered again: ten times less than by default. */
const COMMIT_INTERVAL = '500ms'
const STOP_LIMIT_MS = 10_000

export interface DemoConsumersOptions {
  topic: string
  group: string
  nameservers: readonly string[]
  /** Where they run: not here, or they would read our mq.toml. */
  folder: string
  routeIntervalMs: number
  onDelivery: (delivery: Delivery) => void
  onLine: (name: string, line: string) => void
}

export class DemoConsumer {
  readonly name: string
  readonly #process: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  readonly #drained: Promise<unknown>

  constructor(name: string, options: DemoConsumersOptions) {
    this.name = name
    this.#process = Bun.spawn([...selfCommand(), ...consumeArguments(options)], {
      cwd: options.folder,
      env: childEnvironment(),
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    this.#drained = Promise.all([
      eachLine(this.#process.stdout, (line) => options.onDelivery(parseDelivery(name, line))),
      eachLine(this.#process.stderr, (line) => options.onLine(name, line)),
    ])
  }

  get pid(): number {
    return this.#process.pid
  }

  /** What it printed before it died counts: it reached us. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#drained
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const timer = systemClock.after(STOP_LIMIT_MS, () => this.#process.kill('SIGKILL'))
    await this.#drained
    await this.#process.exited
    timer.cancel()
  }
}

function consumeArguments(options: DemoConsumersOptions): string[] {
  const { topic, group, nameservers, routeIntervalMs } = options
  return [
    'consume',
    topic,
    '--group',
    group,
    '--from',
    'start',
    '--follow',
    '--stop-with-stdin',
    '--commit-interval',
    COMMIT_INTERVAL,
    '--format',
    FORMAT,
    '--nameservers',
    nameservers.join(','),
    '--route-interval',
    `${routeIntervalMs}ms`,
  ]
}

/** A line that does not read is a delivery of something nobody sent. */
function parseDelivery(consumer: string, line: string): Delivery {
  const [timeMs, sequence, key, ...rest] = line.split('\t')
  return {
    consumer,
    timeMs: Number(timeMs),
    sequence: Number(sequence ?? Number.NaN),
    key: key ?? '',
    body: rest.join('\t'),
  }
}
