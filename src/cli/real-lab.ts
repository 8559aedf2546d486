// Somebody's running cluster as a lab. One broker of it, whose process runs on this machine, can be
// stopped, killed or frozen by signal; anything else would need a cluster of our own.

import { Admin } from '../client/admin.ts'
import { fetchDrainView } from '../client/drain-observer.ts'
import { describeError, MqError } from '../core/errors.ts'
import type { LabCluster } from '../lab/lab-cluster.ts'
import { parseAddress } from '../remoting/address.ts'
import { type Session, withSession } from './client-session.ts'
import type { Invocation } from './command.ts'
import { beforeExit } from './exit-duty.ts'
import { LiveClients, type LiveLabOptions } from './live-clients.ts'
import { findListener } from './local-process.ts'

interface Target {
  nameservers: readonly string[]
  brokers: readonly string[]
  brokerName: string
  pid: number
}

export class RealLab extends LiveClients implements LabCluster {
  readonly canStartBrokers = false
  readonly nameservers: readonly string[]
  readonly brokers: readonly string[]
  readonly description: string
  readonly #target: Target
  /** Not null while it is frozen. */
  #forgetThawing: (() => void) | null = null

  private constructor(options: LiveLabOptions, target: Target) {
    super(options)
    this.#target = target
    this.nameservers = target.nameservers.map((_, i) => `nameserver-${i + 1}`)
    this.brokers = target.brokers
    this.description = `${target.brokerName} of ${target.nameservers.join(', ')}, pid ${target.pid}`
  }

  /** Rejects with BROKER_NOT_FOUND if it is not known, or its process is not here. */
  static async of(
    invocation: Invocation,
    options: LiveLabOptions & { brokerName: string },
  ): Promise<RealLab> {
    return withSession(invocation, async (session) => {
      const { brokerName } = options
      const { address, names } = await findBroker(session, brokerName)
      await requireBroker(session, { brokerName, address })
      const given = invocation.flags.integer('pid', { min: 2, max: 2 ** 31 - 1 })
      const pid = given ?? findListener(parseAddress(address))
      if (pid === null) {
        throw new MqError(
          'BROKER_NOT_FOUND',
          `no process here listens on ${address} (${brokerName})`,
          { hint: 'run this on the machine of the broker, or name its process with --pid' },
        )
      }
      const { nameservers } = session
      return new RealLab(options, { nameservers, brokers: names, brokerName, pid })
    })
  }

  nameserverAddress(name: string): string {
    return this.#target.nameservers[this.nameservers.indexOf(name)] ?? name
  }

  async stopBroker(name: string): Promise<void> {
    this.#signal(name, 'SIGTERM')
  }

  async killBroker(name: string): Promise<void> {
    this.#signal(name, 'SIGKILL')
  }

  async freezeBroker(name: string): Promise<void> {
    this.#signal(name, 'SIGSTOP')
    this.#forgetThawing = beforeExit(() => this.#signal(name, 'SIGCONT'))
  }

  async thawBroker(name: string): Promise<void> {
    this.#forgetThawing?.()
    this.#forgetThawing = null
    this.#signal(name, 'SIGCONT')
  }

  disconnectBroker(): Promise<void> {
    throw notOurs('to disconnect a broker')
  }

  reconnectBroker(): Promise<void> {
    throw notOurs('to reconnect a broker')
  }

  startBroker(): Promise<void> {
    throw notOurs('to start a broker')
  }

  killNameserver(): Promise<void> {
    throw notOurs('to kill a nameserver')
  }

  startNameserver(): Promise<void> {
    throw notOurs('to start a nameserver')
  }

  cut(): void {
    throw notOurs('to cut a path')
  }

  heal(): void {
    throw notOurs('to heal a path')
  }

  /** A broker that was frozen must not stay so because we were interrupted. */
  async dispose(): Promise<void> {
    if (this.#forgetThawing !== null) await this.thawBroker(this.#target.brokerName)
  }

  #signal(name: string, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    const { brokerName, pid } = this.#target
    if (name !== brokerName) throw notOurs(`to touch ${name}`)
    try {
      process.kill(pid, signal)
    } catch (cause) {
      throw new MqError(
        'NO_PERMISSION',
        `cannot send ${signal} to process ${pid}: ${String(cause)}`,
        { hint: 'run this as the user the broker runs as', cause },
      )
    }
  }
}

export function notOurs(what: string): MqError {
  return new MqError('NOT_SUPPORTED', `${what} takes a throw-away cluster: its network is ours`, {
    hint: 'leave --broker out, or add --throwaway or --virtual',
  })
}

/** Whoever registers a broker chooses its address: no process is ended that is not that broker. */
async function requireBroker(
  { client }: Session,
  { brokerName, address }: { brokerName: string; address: string },
): Promise<void> {
  let name = brokerName
  try {
    await new Admin(client).cluster.runtime(address)
    // Apache's brokers do not tell their names.
    name = (await fetchDrainView(client, address).catch(() => null))?.brokerName ?? brokerName
  } catch (cause) {
    throw new MqError(
      'BROKER_NOT_FOUND',
      `what is registered as ${brokerName} at ${address} does not answer as a broker: ${describeError(cause)}`,
      { hint: 'mq doctor', cause },
    )
  }
  if (name === brokerName) return
  throw new MqError('BROKER_NOT_FOUND', `the broker at ${address} is ${name}, not ${brokerName}`, {
    hint: 'mq doctor',
  })
}

async function findBroker(
  { client, nameservers }: Session,
  brokerName: string,
): Promise<{ address: string; names: string[] }> {
  const { value } = await new Admin(client).cluster.brokers()
  const broker = value.find((each) => each.brokerName === brokerName)
  const names = value.map((each) => each.brokerName)
  if (broker !== undefined) return { address: broker.address, names }
  const known = names.join(', ') || 'no broker'
  throw new MqError(
    'BROKER_NOT_FOUND',
    `no broker "${brokerName}" at ${nameservers.join(', ')}: known there: ${known}`,
    { hint: 'mq cluster' },
  )
}
