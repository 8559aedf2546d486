// Loads the native core into a database connection, or falls back to the twin.
//
// From source the extension is build/native/mqcore.so, made by `make native`; where that is missing
// the twin runs. In a compiled executable it is embedded (`make binary` builds it first, and another
// target's one is chosen with `--define MQ_NATIVE='"<path from this file>"'`). An embedded file has no
// place in the real file system, so it is written to a private folder, loaded and removed again: the
// mapping stays, and nobody can have exchanged the file meanwhile. Once loaded, the extension attaches
// itself to every connection that this process opens later, in any thread, so that happens once.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AssertionError } from '../core/assert.ts'
import { readUint64, writeUint64 } from '../core/big-endian.ts'
import { describeError, MqError } from '../core/errors.ts'
import type { FilterResult } from './index-block.ts'
import { attachTwin } from './native-twin.ts'
import { type Database, sqliteCode } from './sqlite.ts'
import type { StorageCore } from './storage-core.ts'

declare const MQ_NATIVE: string | undefined

/** The core on one connection: native if the extension is there, else the twin. */
export function attachCore(db: Database): StorageCore {
  return attachNative(db) ?? attachTwin(db)
}

/** The native core on one connection, or null if the extension was not built. */
export function attachNative(db: Database): StorageCore | null {
  return isAttached(db) || load(db) ? new NativeCore(db) : null
}

function isAttached(db: Database): boolean {
  return (
    db.prepare("SELECT 1 FROM pragma_function_list WHERE name = 'mq_append'").get() !== undefined
  )
}

function load(db: Database): boolean {
  const path = isCompiled() ? embeddedExtension() : builtExtension()
  if (path === null) return false
  if (isCompiled()) loadEmbedded(db, path)
  else db.loadExtension(path)
  return true
}

function isCompiled(): boolean {
  return import.meta.url.includes('/$bunfs/')
}

function builtExtension(): string | null {
  const path = fileURLToPath(new URL('../../build/native/mqcore.so', import.meta.url))
  return existsSync(path) ? path : null
}

function embeddedExtension(): string | null {
  try {
    // In the bundle this is the path of the embedded file. The bundler leaves a require that finds
    // nothing alone if it stands in a try; then it throws here.
    return typeof MQ_NATIVE === 'undefined'
      ? require('../../build/native/mqcore.so')
      : require(MQ_NATIVE)
  } catch {
    return null
  }
}

function loadEmbedded(db: Database, path: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'mq-'))
  try {
    const file = join(folder, 'mqcore.so')
    writeFileSync(file, readFileSync(path), { mode: 0o600 })
    db.loadExtension(file)
  } catch (error) {
    throw new MqError(
      'DATA_FOLDER_UNUSABLE',
      `cannot load the native core: ${describeError(error)}`,
      {
        hint: `it is unpacked to ${tmpdir()}: if that is mounted noexec or full, set TMPDIR to a folder that is not`,
        cause: error,
      },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

class NativeCore implements StorageCore {
  readonly name = 'native'
  readonly #append
  readonly #read
  readonly #verify
  readonly #filter
  readonly #crc32c

  constructor(db: Database) {
    this.#append = db.prepare('SELECT mq_append(?, ?, ?, ?)').pluck()
    this.#read = db.prepare('SELECT mq_read(?, ?)').pluck()
    this.#verify = db.prepare('SELECT mq_verify(?, ?)').pluck()
    this.#filter = db.prepare('SELECT mq_filter(?, ?, ?, ?)').pluck()
    this.#crc32c = db.prepare('SELECT mq_crc32c(?)').pluck()
  }

  crc32c(bytes: Uint8Array): number {
    return this.#crc32c.get(asBuffer(bytes)) as number
  }

  append(batch: Uint8Array, at: { firstPosition: number; chain: number; epoch: number }): number {
    return translated(() =>
      this.#append.get(asBuffer(batch), at.firstPosition, at.chain, at.epoch),
    ) as number
  }

  read(positions: ArrayLike<number>, bytesMax: number): Uint8Array {
    return translated(() => this.#read.get(packPositions(positions), bytesMax)) as Buffer
  }

  verify(range: { from: number; to: number }): number {
    return translated(() => this.#verify.get(range.from, range.to)) as number
  }

  filter(
    block: Uint8Array,
    request: { fromOffset: number; countMax: number; tags: ReadonlySet<number> | null },
  ): FilterResult {
    const tags = request.tags === null ? null : packTags(request.tags)
    const result = translated(() =>
      this.#filter.get(asBuffer(block), request.fromOffset, request.countMax, tags),
    ) as Buffer
    const positions: number[] = []
    for (let at = 8; at < result.length; at += 8) positions.push(readUint64(result, at))
    return { nextOffset: readUint64(result, 0), positions }
  }
}

/** The extension's own errors in our words; SQLite's pass through with their codes. */
function translated<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    const code = sqliteCode(error)
    if (code === 'SQLITE_MISUSE') {
      throw new AssertionError(`assertion failed: ${describeError(error)}`)
    }
    if (code?.startsWith('SQLITE_CORRUPT')) {
      throw new MqError('DATA_CORRUPT', describeError(error), { cause: error })
    }
    throw error
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function packPositions(positions: ArrayLike<number>): Buffer {
  const packed = Buffer.allocUnsafe(positions.length * 8)
  for (let i = 0; i < positions.length; i++) {
    writeUint64(packed, i * 8, positions[i]!)
  }
  return packed
}

function packTags(tags: ReadonlySet<number>): Buffer {
  const packed = Buffer.allocUnsafe(tags.size * 4)
  let at = 0
  for (const tag of tags) at = packed.writeInt32BE(tag, at)
  return packed
}
