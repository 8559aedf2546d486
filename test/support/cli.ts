// Runs the executable as a person or a script would: the source through Bun, or the binary named by
// MQ_BIN. Standard output is bytes, because that is what is promised.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const BINARY = process.env['MQ_BIN']

export const MQ: readonly string[] =
  BINARY === undefined
    ? [process.execPath, resolve(import.meta.dir, '../../src/main.ts')]
    : [resolve(BINARY)]

export interface CliResult {
  stdout: Buffer
  /** `stdout` as text. */
  text: string
  stderr: string
  exitCode: number
}

export interface CliOptions {
  stdin?: Uint8Array | string
  env?: Record<string, string>
  cwd?: string
}

/** The caller's environment must not say where a cluster is, or what a terminal can do. */
export function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const { MQ_NAMESERVER: _, NAMESRV_ADDR: __, NO_COLOR: ___, ...rest } = process.env
  return { ...(rest as Record<string, string>), ...extra }
}

export async function mq(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = Bun.spawn([...MQ, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: cleanEnvironment(options.env),
    stdin: options.stdin === undefined ? 'ignore' : Buffer.from(options.stdin as Uint8Array),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).arrayBuffer(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  const bytes = Buffer.from(stdout)
  return { stdout: bytes, text: bytes.toString('utf8'), stderr, exitCode }
}

/** Throws with everything the command said unless it ended well. */
export async function mqOk(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const result = await mq(args, options)
  if (result.exitCode === 0) return result
  throw new Error(`mq ${args.join(' ')} ended with ${result.exitCode}: ${result.stderr}`)
}

export function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** Rows as a pipe gets them. */
export function rows(text: string): string[][] {
  return lines(text).map((line) => line.split('\t'))
}

export function jsonLines<T>(text: string): T[] {
  return lines(text).map((line) => JSON.parse(line) as T)
}

export class TempFolder {
  readonly path: string

  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `mq-test-${name}-`))
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
