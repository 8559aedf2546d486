// Goal: docs/SIMULATION.md does not fall behind. Method: its tables against the code.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ALL_FAULT_KINDS } from '../../../src/lab/world/fault.ts'
import { PLANTED_BUGS } from '../../../src/lab/world/planted-bugs.ts'
import { INVARIANT_NAMES } from '../../../src/lab/world/run-seeds.ts'

const page = readFileSync(resolve(import.meta.dir, '../../../docs/SIMULATION.md'), 'utf8')

test('every kind of fault', () => {
  for (const kind of ALL_FAULT_KINDS) expect(page).toMatch(new RegExp(`^\\| .*\`${kind}\``, 'm'))
})

test('every invariant', () => {
  for (const name of INVARIANT_NAMES) expect(page).toContain(`\n| \`${name}\` | `)
})

test('every planted bug, what it is and what it takes', () => {
  for (const { name, says, noticedBy, seedsMax } of PLANTED_BUGS) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? ''
    const cells = row.split('|').map((cell) => cell.trim())
    expect(cells[2]).toBe(says)
    expect(cells[3]).toBe(noticedBy.map((each) => `\`${each}\``).join(', '))
    expect(cells[5]).toBe(String(seedsMax))
    // With a margin over what was measured.
    expect(Number(cells[4])).toBeLessThanOrEqual(seedsMax / 2)
  }
})
