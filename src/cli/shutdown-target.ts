// The broker that a simulated shutdown takes down: one of a cluster made for the occasion, or a real
// one whose process runs on this machine.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '../client/admin.ts'
import { MqError } from '../core/errors.ts'
import { parseAddress } from '../remoting/address.ts'
import { type Session, withSession } from './client-session.ts'
import type { Invocation } from './command.ts'
import { LocalCluster, planNodes } from './local-cluster.ts'
import { findListener } from './local-process.ts'

export type ShutdownMode = 'kill' | 'graceful'

export interface ShutdownTarget {
  nameservers: readonly string[]
  brokerName: string
  /** What is shut down, for people. */
  description: string
  /** Ends the broker. */
  shutDown(mode: ShutdownMode): Promise<void>
  /** Brings it back; null if we cannot. */
  restart: (() => Promise<unknown>) | null
  /** Removes what was made for the occasion. */
  dispose(): Promise<void>
}

/** Two nameservers and two brokers in a temporary folder. */
export async function throwawayTarget(
  brokerName: string,
  onLine: (name: string, line: string) => void,
): Promise<ShutdownTarget> {
  const nodes = [...planNodes('nameserver', [0, 0]), ...planNodes('broker', [0, 0])]
  if (!nodes.some((node) => node.kind === 'broker' && node.name === brokerName)) {
    throw new MqError('BROKER_NOT_FOUND', `the throw-away cluster has no broker ${brokerName}`, {
      hint: 'mq simulate broker-shutdown --mode kill --throwaway --broker broker-b',
    })
  }
  const folder = mkdtempSync(join(tmpdir(), 'mq-simulation-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  let cluster: LocalCluster
  try {
    cluster = await LocalCluster.start({ folder, nodes, logLevel: 'warn', onLine })
  } catch (error) {
    remove()
    throw error
  }
  return {
    nameservers: cluster.nameservers,
    brokerName,
    description: `${brokerName} of a throw-away cluster, pid ${cluster.node(brokerName).pid}`,
    shutDown: (mode) =>
      mode === 'kill' ? cluster.node(brokerName).kill() : cluster.node(brokerName).stop(),
    restart: () => cluster.startNode(brokerName),
    async dispose() {
      await cluster.stop()
      remove()
    },
  }
}

/** A broker of the cluster that the invocation's nameservers know. */
export async function liveTarget(
  invocation: Invocation,
  brokerName: string,
): Promise<ShutdownTarget> {
  return withSession(invocation, async (session) => {
    const address = await addressOf(session, brokerName)
    const given = invocation.flags.integer('pid', { min: 2, max: 2 ** 31 - 1 })
    const pid = given ?? findListener(parseAddress(address))
    if (pid === null) {
      throw new MqError(
        'BROKER_NOT_FOUND',
        `no process here listens on ${address} (${brokerName})`,
        {
          hint: 'run this on the machine of the broker, or name its process with --pid',
        },
      )
    }
    return {
      nameservers: session.nameservers,
      brokerName,
      description: `${brokerName} at ${address}, pid ${pid}`,
      async shutDown(mode) {
        signal(pid, mode === 'kill' ? 'SIGKILL' : 'SIGTERM')
      },
      restart: null,
      async dispose() {},
    }
  })
}

async function addressOf({ client, nameservers }: Session, brokerName: string): Promise<string> {
  const { value } = await new Admin(client).cluster.brokers()
  const broker = value.find((each) => each.brokerName === brokerName)
  if (broker !== undefined) return broker.address
  const known = value.map((each) => each.brokerName).join(', ') || 'no broker'
  throw new MqError(
    'BROKER_NOT_FOUND',
    `${nameservers.join(', ')} know ${known}, not ${brokerName}`,
    {
      hint: 'mq cluster',
    },
  )
}

function signal(pid: number, name: 'SIGKILL' | 'SIGTERM'): void {
  try {
    process.kill(pid, name)
  } catch (cause) {
    throw new MqError('NO_PERMISSION', `cannot send ${name} to process ${pid}: ${String(cause)}`, {
      hint: 'run this as the user the broker runs as',
      cause,
    })
  }
}
