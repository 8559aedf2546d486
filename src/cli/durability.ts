// What an acknowledged message survives, by flush mode. `mq broker --explain` prints it.

import type { Column } from './output.ts'

export interface DurabilityMode {
  flush: string
  /** What a sender's SEND_OK stands for. */
  acknowledgedMeans: string
  survives: string
  mayLose: string
}

export const DURABILITY_MODES: readonly DurabilityMode[] = [
  {
    flush: 'sync',
    acknowledgedMeans: 'on disk here, fsynced',
    survives: 'kill -9, power cut',
    mayLose: 'everything with the disk: there is one copy',
  },
  {
    flush: 'async',
    acknowledgedMeans: 'in the page cache here',
    survives: 'kill -9',
    mayLose: 'the newest messages on a power cut or a crash of the machine',
  },
]

export function durabilityColumns(current: string): Column<DurabilityMode>[] {
  return [
    {
      title: 'flush',
      value: (row) => (row.flush === current ? `${row.flush} (yours)` : row.flush),
      paint: (row, palette) => (row.flush === current ? palette.bold : undefined),
    },
    { title: 'SEND_OK means', value: (row) => row.acknowledgedMeans },
    { title: 'survives', value: (row) => row.survives },
    { title: 'may lose', value: (row) => row.mayLose },
  ]
}
