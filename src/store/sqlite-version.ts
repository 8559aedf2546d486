// The oldest SQLite that may hold messages. Before it, a reset of the write-ahead log could collide
// with a checkpoint of another connection and lose committed pages; this store checkpoints while
// readers are open, which is that very case.

import { MqError } from '../core/errors.ts'

const VERSION_MIN = '3.51.3'

export function isVersionAtLeast(version: string, versionMin: string): boolean {
  const parts = version.split('.').map(Number)
  const minParts = versionMin.split('.').map(Number)
  for (const [i, minPart] of minParts.entries()) {
    const part = parts[i] ?? 0
    if (part !== minPart) return part > minPart
  }
  return true
}

export function checkSqliteVersion(version: string): void {
  if (isVersionAtLeast(version, VERSION_MIN)) return
  throw new MqError('NOT_SUPPORTED', `SQLite ${version} is too old: ${VERSION_MIN} is needed`, {
    hint: 'install the dependencies again with the lock file: bun install --frozen-lockfile',
  })
}
