// Starts test/crash/append-child.ts, follows what it says, and ends it.

import { join } from 'node:path'
import type { Subprocess } from 'bun'

const CHILD = join(import.meta.dir, '..', 'crash', 'append-child.ts')

export interface AppendProcessOptions {
  folder: string
  /** Arguments of the child. */
  args?: string[]
  /** A command that runs the child, such as strace with its options. */
  wrapper?: string[]
  env?: Record<string, string>
}

export class AppendProcess {
  /** Messages that the child was told are committed. */
  acknowledged = 0
  isOpen = false
  /** Everything it said. */
  readonly lines: string[] = []
  readonly #process: Subprocess<'ignore', 'pipe', 'pipe'>
  readonly #reading: Promise<void>
  readonly #waiters = new Set<() => void>()

  constructor(options: AppendProcessOptions) {
    const { folder, args = [], wrapper = [], env = {} } = options
    this.#process = Bun.spawn([...wrapper, process.execPath, CHILD, folder, ...args], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...Bun.env, ...env },
    })
    this.#reading = this.#read()
  }

  /** Resolves when this many messages are acknowledged, or when the child has ended. */
  async acknowledges(count: number): Promise<void> {
    let isEnded = false
    this.#process.exited.then(() => {
      isEnded = true
      for (const wake of this.#waiters) wake()
    })
    while (this.acknowledged < count && !isEnded) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
      this.#waiters.clear()
    }
  }

  get lastLine(): string {
    return this.lines[this.lines.length - 1] ?? ''
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#process.exited
    await this.#reading
  }

  /** Waits for the end and returns the exit code. */
  async ended(): Promise<number> {
    const code = await this.#process.exited
    await this.#reading
    return code
  }

  stderr(): Promise<string> {
    return new Response(this.#process.stderr).text()
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of this.#process.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#take(line)
      for (const wake of this.#waiters) wake()
    }
  }

  #take(line: string): void {
    this.lines.push(line)
    const [word, value] = line.split(' ')
    if (word === 'acked') this.acknowledged = Math.max(this.acknowledged, Number(value))
    if (word === 'opened') {
      this.isOpen = true
      this.acknowledged = Number(value)
    }
  }
}
