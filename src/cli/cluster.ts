// `mq cluster`: every broker any nameserver lists.

import { Admin } from '../client/admin.ts'
import type { BrokerSummary, Gathered } from '../client/admin-results.ts'
import type { Client } from '../client/client.ts'
import {
  CLIENT_OPTIONS,
  JSON_OPTION,
  TIME_LIMIT,
  TIMEOUT_OPTION,
  withClient,
} from './client-session.ts'
import type { Command } from './command.ts'
import { stateColumn } from './drain-state.ts'
import { reportFailures } from './failures.ts'
import type { Column } from './output.ts'

interface BrokerRow extends BrokerSummary {
  /** Null: the broker did not answer. */
  version: string | null
  /** Null: the broker did not answer, or is one that cannot be drained. */
  isDraining: boolean | null
}

export const cluster: Command = {
  usage: '',
  summary: 'Lists the brokers of every cluster, and who sees them.',
  examples: [
    { command: 'mq cluster', does: 'brokers, addresses, versions' },
    { command: 'mq cluster --json | jq -r .address', does: 'for scripts' },
  ],
  options: [...CLIENT_OPTIONS, TIMEOUT_OPTION, JSON_OPTION],
  timeLimit: TIME_LIMIT,
  async run(invocation) {
    const listed = await withClient(invocation, ({ client }) => describe(client))
    const columns: Column<BrokerRow>[] = [
      { title: 'cluster', value: (row) => row.cluster },
      { title: 'broker', value: (row) => row.brokerName },
      { title: 'id', value: (row) => String(row.brokerId), align: 'right' },
      { title: 'address', value: (row) => row.address },
      {
        title: 'version',
        value: (row) => row.version ?? 'no answer',
        paint: (row, palette) => (row.version === null ? palette.red : undefined),
      },
      { title: 'seen by', value: (row) => row.seenBy.join(',') },
      stateColumn(),
    ]
    invocation.output.rows(columns, listed.value)
    return reportFailures(invocation, listed)
  },
}

async function describe(client: Client): Promise<Gathered<BrokerRow[]>> {
  const admin = new Admin(client).cluster
  const listed = await admin.brokers()
  const failures = [...listed.failures]
  const value = await Promise.all(
    listed.value.map(async (broker): Promise<BrokerRow> => {
      try {
        const runtime = await admin.runtime(broker.address)
        const version = versionOf(runtime)
        const draining = runtime.get('isDraining')
        return {
          ...broker,
          version,
          isDraining: draining === undefined ? null : draining === 'true',
        }
      } catch {
        const { address, error } = await admin.probe(broker.address)
        if (error !== null) failures.push({ peer: address, purpose: 'its version', error })
        return { ...broker, version: error === null ? 'unknown' : null, isDraining: null }
      }
    }),
  )
  return { value, failures }
}

/** Ours say what they are and which one; Apache's are named by their version alone. */
function versionOf(runtime: ReadonlyMap<string, string>): string {
  const product = runtime.get('brokerVersionDesc') ?? 'unknown'
  const version = runtime.get('mqVersion')
  return version === undefined ? product : `${product} ${version}`
}
