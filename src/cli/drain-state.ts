// Whether a broker is draining, as a column of the tables that list brokers.

import type { Column } from './output.ts'

export function stateColumn(): Column<{ isDraining: boolean | null }> {
  return {
    title: 'state',
    value: ({ isDraining }) => (isDraining === null ? '-' : isDraining ? 'draining' : 'serving'),
    paint: ({ isDraining }, palette) => (isDraining === true ? palette.yellow : undefined),
  }
}
