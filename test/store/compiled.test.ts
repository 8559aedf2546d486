// Goal: inside a compiled executable the store finds SQLite and the native core, main thread and
// worker share one copy of each, and a temporary folder that cannot serve gives a clear message.
// Method: compile a small program with `bun build --compile` as the Makefile does and run it.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SUPPORT = join(import.meta.dir, '../support')
const folder = mkdtempSync(join(tmpdir(), 'mq-compiled-'))
const program = join(folder, 'program')

beforeAll(() => {
  const flags = [
    '--splitting',
    '--minify-syntax',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
  ]
  const entries = ['compiled-main.ts', 'compiled-worker.ts'].map((name) => join(SUPPORT, name))
  const build = ['build', '--compile', ...flags, ...entries, '--outfile', program]
  const built = Bun.spawnSync([process.execPath, ...build], { cwd: folder })
  expect(built.stderr.toString()).not.toContain('error')
  expect(built.exitCode).toBe(0)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(temporary: string): { names: string[]; mapped: string[]; left: string[] } & {
  error?: string
  hint?: string
} {
  const ran = Bun.spawnSync([program, join(folder, 'test.db')], {
    cwd: folder,
    env: { ...process.env, TMPDIR: temporary, BUN_TMPDIR: temporary },
  })
  return JSON.parse(ran.stdout.toString())
}

test('main thread and worker share one SQLite and one native core', () => {
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  for (let start = 0; start < 2; start++) {
    const { names, mapped, left } = run(temporary)
    expect(names).toEqual(['native', 'native', 'native'])
    expect(mapped.filter((file) => file.includes('.node'))).toHaveLength(1)
    expect(mapped.filter((file) => file.includes('mqcore'))).toHaveLength(1)
    expect(left).toEqual([])
  }
})

test('a temporary folder that cannot be used is named', () => {
  const { error, hint } = run(join(folder, 'missing'))
  expect(error).toStartWith('cannot load ')
  expect(hint).toContain(join(folder, 'missing'))
})
