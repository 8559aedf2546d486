// Goal: docs/CLI.md does not fall behind. Method: every command and exit code must be in it.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { COMMANDS } from '../../src/cli/commands.ts'
import { EXIT_DISK_FAILED } from '../../src/cli/node-failure.ts'
import { EXIT } from '../../src/core/errors.ts'

const page = readFileSync(resolve(import.meta.dir, '../../docs/CLI.md'), 'utf8')

test('every command', () => {
  for (const { name } of COMMANDS) expect(page).toContain(`\`mq ${name}`)
})

test('every exit code', () => {
  for (const code of [...Object.values(EXIT), EXIT_DISK_FAILED]) expect(page).toMatch(`| ${code}`)
})
