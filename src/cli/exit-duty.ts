// What must be done even when a second signal ends the process at once: a broker that was frozen is
// thawed, a temporary folder removed. Only a SIGKILL of ourselves leaves it undone.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** `duty` is run, and must be done, before the process ends. Returns how to forget it. */
export function beforeExit(duty: () => void): () => void {
  process.once('exit', duty)
  return () => process.off('exit', duty)
}

export interface TemporaryFolder {
  path: string
  remove(): void
}

/** A new folder for what lives no longer than this process. */
export function temporaryFolder(prefix: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), prefix))
  // Children that are just being killed may still be writing: try a few times.
  const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  const forget = beforeExit(remove)
  return {
    path,
    remove() {
      forget()
      remove()
    },
  }
}
