// The program that test/store/compiled.test.ts compiles: opens a database in the main thread and in a
// worker, uses the storage core in both, and prints what it found as JSON.

import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describeError, MqError } from '../../src/core/errors.ts'
import { attachCore } from '../../src/store/native.ts'
import { SCHEMA } from '../../src/store/schema.ts'
import { openDatabase } from '../../src/store/sqlite.ts'

function mappedLibraries(): string[] {
  const files = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .map((line) => line.split(/\s+/).slice(3, 6).join(' '))
    .filter((file) => /\.node|mqcore/.test(file))
  return [...new Set(files)]
}

try {
  const path = process.argv[2]!
  const first = openDatabase(path)
  const core = attachCore(first)
  for (const sql of SCHEMA) first.exec(sql)
  const again = openDatabase(path)
  const names = [core.name, attachCore(again).name]
  first.close()
  again.close()
  const worker = new Worker(new URL('./compiled-worker.ts', import.meta.url))
  worker.onmessage = ({ data }) => {
    if (data === 'ready') {
      worker.postMessage(path)
      return
    }
    const left = readdirSync(tmpdir()).filter((name) => !name.startsWith('.bun-'))
    const result = { names: [...names, data], mapped: mappedLibraries(), left }
    process.stdout.write(JSON.stringify(result))
    process.exit(0)
  }
} catch (error) {
  const hint = error instanceof MqError ? error.hint : null
  process.stdout.write(JSON.stringify({ error: describeError(error), hint }))
}
