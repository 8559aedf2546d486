// The unmodified rocketmq-client-go/v2, driven through the program in test/interop/go.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { INTEROP_DIR } from './maven.ts'
import { run } from './process.ts'

const BUILD_TIMEOUT_MS = 600_000
const SOURCE_DIR = join(import.meta.dir, '../go')

/** Why the Go side cannot run here, or null. */
export function goMissing(): string | null {
  return Bun.which('go') === null ? 'go is not on the PATH (install Go 1.21 or newer)' : null
}

/** The command line of one run; `args` as main.go takes them. */
export async function goClientCommand(args: readonly string[]): Promise<string[]> {
  const output = join(INTEROP_DIR, 'go')
  const binary = join(output, 'interop')
  const stampPath = join(output, '.stamp')
  const stamp = ['main.go', 'go.mod', 'go.sum']
    .map((name) => Bun.hash(readFileSync(join(SOURCE_DIR, name))).toString(16))
    .join(' ')
  const isBuilt = existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp
  if (!isBuilt) {
    mkdirSync(output, { recursive: true })
    await run(['go', 'build', '-mod=readonly', '-buildvcs=false', '-o', binary, '.'], {
      cwd: SOURCE_DIR,
      timeoutMs: BUILD_TIMEOUT_MS,
    })
    writeFileSync(stampPath, stamp)
  }
  return [binary, ...args]
}
