// Where a topic's queues are, as rows.

import type { TopicPlacement } from '../client/admin-results.ts'
import type { Column } from './output.ts'
import { formatPermission } from './permission.ts'

export interface PlacementRow extends Omit<TopicPlacement, 'permission'> {
  topic: string
  permission: string
}

export const PLACEMENT_COLUMNS: readonly Column<PlacementRow>[] = [
  { title: 'broker', value: (row) => row.brokerName },
  { title: 'address', value: (row) => row.address },
  { title: 'read', value: (row) => String(row.readQueueCount), align: 'right' },
  { title: 'write', value: (row) => String(row.writeQueueCount), align: 'right' },
  { title: 'permission', value: (row) => row.permission },
]

export function placementRow(topic: string, placement: TopicPlacement): PlacementRow {
  return { topic, ...placement, permission: formatPermission(placement.permission) }
}
