// The unmodified npm package ali-ons, driven through test/interop/ali-ons/client.cjs under Node.

import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { INTEROP_DIR } from './maven.ts'
import { run } from './process.ts'

const INSTALL_TIMEOUT_MS = 300_000
const SOURCE_DIR = join(import.meta.dir, '../ali-ons')
const OUTPUT_DIR = join(INTEROP_DIR, 'ali-ons')

/** Why the Node side cannot run here, or null. */
export function nodeMissing(): string | null {
  for (const tool of ['node', 'npm']) {
    if (Bun.which(tool) === null) return `${tool} is not on the PATH (install Node.js 20 or newer)`
  }
  return null
}

/** Environment that the command of aliOnsCommand needs. */
export const ALI_ONS_ENV = { NODE_PATH: join(OUTPUT_DIR, 'node_modules') }

/** The command line of one run; `args` as client.cjs takes them. */
export async function aliOnsCommand(args: readonly string[]): Promise<string[]> {
  const stampPath = join(OUTPUT_DIR, '.stamp')
  const stamp = ['package.json', 'package-lock.json']
    .map((name) => Bun.hash(readFileSync(join(SOURCE_DIR, name))).toString(16))
    .join(' ')
  if (!existsSync(stampPath) || readFileSync(stampPath, 'utf8') !== stamp) {
    mkdirSync(OUTPUT_DIR, { recursive: true })
    for (const name of ['package.json', 'package-lock.json']) {
      copyFileSync(join(SOURCE_DIR, name), join(OUTPUT_DIR, name))
    }
    // The lock file names versions and checksums but no registry: the configured one is used.
    await run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: OUTPUT_DIR,
      timeoutMs: INSTALL_TIMEOUT_MS,
    })
    writeFileSync(stampPath, stamp)
  }
  return ['node', join(SOURCE_DIR, 'client.cjs'), ...args]
}
