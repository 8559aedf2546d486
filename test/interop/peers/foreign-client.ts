// One face for the clients of three languages: each is a program that takes the same options and
// prints the same lines (test/interop/java/src/Lines.java says which).

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ALI_ONS_ENV, aliOnsCommand, nodeMissing } from './ali-ons.ts'
import { goClientCommand, goMissing } from './go-client.ts'
import { JAVA_CLIENT_VERSIONS, javaClientCommand } from './java-client.ts'
import { javaMissing } from './maven.ts'
import type { Received, TestMessage } from './messages.ts'
import { Process, runToEnd } from './process.ts'

const RUN_TIMEOUT_MS = 90_000
const CONSUME_TIMEOUT_MS = 60_000

export type SendMode = 'sync' | 'async' | 'oneway' | 'batch' | 'ordered'

export interface ForeignClient {
  name: string
  /** Why it cannot run on this machine, or null. */
  missing: string | null
  modes: readonly SendMode[]
  /** The largest body its producer sends. */
  bodyBytesMax: number
  /** Whether its consumer gets past a message without a body. */
  readsEmptyBodies: boolean
  /** Whether its consumer can lock queues and keep their order. */
  isOrderedConsumer: boolean
  command(args: readonly string[], dir: string): Promise<string[]>
  env?: Record<string, string>
}

const MiB = 1024 * 1024

export const FOREIGN_CLIENTS: readonly ForeignClient[] = [
  ...JAVA_CLIENT_VERSIONS.map(
    (version): ForeignClient => ({
      name: `java-${version.replaceAll('.', '-')}`,
      missing: javaMissing(),
      modes: ['sync', 'async', 'oneway', 'batch', 'ordered'],
      // The limit of 4 MiB is on the compressed body, and random bytes grow a little by compression.
      bodyBytesMax: 4 * MiB - 16 * 1024,
      // 4.9's push consumer ends in a NullPointerException and never pulls that queue again.
      readsEmptyBodies: version !== '4.9.8',
      isOrderedConsumer: true,
      command: (args, dir) => javaClientCommand({ version, dir, args }),
    }),
  ),
  {
    name: 'go',
    missing: goMissing(),
    modes: ['sync', 'async', 'oneway', 'batch', 'ordered'],
    bodyBytesMax: 1 * MiB,
    readsEmptyBodies: true,
    isOrderedConsumer: true,
    command: (args) => goClientCommand(args),
  },
  {
    name: 'ali-ons',
    missing: nodeMissing(),
    modes: ['sync'],
    bodyBytesMax: 128 * 1024,
    readsEmptyBodies: true,
    isOrderedConsumer: false,
    command: (args) => aliOnsCommand(args),
    env: ALI_ONS_ENV,
  },
]

export interface Target {
  nameserver: string
  topic: string
  dir: string
}

/** Sends all messages and returns how many the client reports as sent. */
export async function produceWith(
  client: ForeignClient,
  target: Target,
  options: { mode: SendMode; messages: readonly TestMessage[] },
): Promise<number> {
  const dir = join(target.dir, client.name)
  mkdirSync(dir, { recursive: true })
  const input = join(dir, `input-${options.mode}.tsv`)
  const lines = options.messages.map(
    ({ keys, tags, orderingKey, body }) =>
      `${keys}\t${tags}\t${orderingKey}\t${body.toString('base64')}\n`,
  )
  writeFileSync(input, lines.join(''))
  const command = await client.command(
    [
      'produce',
      ...['--nameservers', target.nameserver, '--topic', target.topic, '--group', 'producers'],
      ...['--mode', options.mode, '--input', input],
    ],
    dir,
  )
  const result = await runToEnd(command, {
    timeoutMs: RUN_TIMEOUT_MS,
    ...(client.env === undefined ? {} : { env: client.env }),
  })
  if (result.exitCode !== 0) {
    throw new Error(`${client.name} ${options.mode} exited ${result.exitCode}: ${result.stderr}`)
  }
  return result.stdout.split('\n').filter((line) => line.startsWith('sent\t')).length
}

export interface ConsumeOptions {
  group: string
  count: number
  isOrdered?: boolean
  lingerMs?: number
  /** Distinguishes several consumers of one group in file names. */
  label?: string
}

/** Starts a consumer that ends by itself once it has `count` messages; see receivedBy. */
export async function startConsumer(
  client: ForeignClient,
  target: Target,
  options: ConsumeOptions,
): Promise<Process> {
  const dir = join(target.dir, client.name)
  mkdirSync(dir, { recursive: true })
  const args = [
    'consume',
    ...['--nameservers', target.nameserver, '--topic', target.topic, '--group', options.group],
    ...['--count', String(options.count), '--timeout-ms', String(CONSUME_TIMEOUT_MS)],
    ...['--linger-ms', String(options.lingerMs ?? 300)],
  ]
  // Go takes the value of a switch only behind an equals sign; Java reads pairs.
  if (options.isOrdered === true) {
    args.push(...(client.name === 'go' ? ['--ordered=true'] : ['--ordered', 'true']))
  }
  return Process.start({
    name: `${client.name} consumer`,
    command: await client.command(args, dir),
    logPath: join(dir, `consume-${options.group}${options.label ?? ''}.tsv`),
    ...(client.env === undefined ? {} : { env: client.env }),
  })
}

export function receivedBy(consumer: Process): Received[] {
  return consumer.output
    .split('\n')
    .filter((line) => line.startsWith('received\t'))
    .map((line) => {
      const [, keys, tags, queueId, queueOffset, , body] = line.split('\t')
      return {
        keys: keys!,
        tags: tags!,
        queueId: Number(queueId),
        queueOffset: Number(queueOffset),
        body: Buffer.from(body!, 'base64'),
      }
    })
}

/** Consumes `count` messages and returns all that came, duplicates included. */
export async function consumeWith(
  client: ForeignClient,
  target: Target,
  options: ConsumeOptions,
): Promise<Received[]> {
  const consumer = await startConsumer(client, target, options)
  const exitCode = await consumer.exit(RUN_TIMEOUT_MS)
  const received = receivedBy(consumer)
  if (exitCode !== 0) {
    throw new Error(
      `${client.name} consumer of ${target.topic} exited ${exitCode} with ${received.length} of ` +
        `${options.count} messages: ${consumer.errors.slice(-2000)}`,
    )
  }
  return received
}
