// Processes of the interoperability tests, the recorder and the benchmark: started with their output
// in a file, waited for with a deadline, stopped by their own process id. Nothing outlives its owner
// silently: whoever starts one calls stop().

import { closeSync, openSync, readFileSync } from 'node:fs'
import { sleep, systemClock } from '../../../src/core/clock.ts'

const POLL_INTERVAL_MS = 50
const STOP_TIMEOUT_MS = 15_000

/** Waits until `probe` gives something else than null; the error names what was missing. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  probe: () => T | null | Promise<T | null>,
): Promise<T> {
  const deadlineMs = systemClock.monoMs() + timeoutMs
  for (;;) {
    const value = await probe()
    if (value !== null) return value
    if (systemClock.monoMs() >= deadlineMs) throw new Error(`no ${what} within ${timeoutMs} ms`)
    await sleep(systemClock, POLL_INTERVAL_MS)
  }
}

export interface StartOptions {
  name: string
  command: readonly string[]
  /** Receives stdout, and stderr as `<logPath>.err`. */
  logPath: string
  cwd?: string
  env?: Record<string, string>
}

export class Process {
  readonly name: string
  readonly pid: number
  readonly #child: Bun.Subprocess<'ignore' | 'pipe'>
  readonly #logPath: string

  private constructor(options: StartOptions, child: Bun.Subprocess<'ignore' | 'pipe'>) {
    this.name = options.name
    this.pid = child.pid
    this.#child = child
    this.#logPath = options.logPath
  }

  static start(options: StartOptions): Process {
    const out = openSync(options.logPath, 'w')
    const err = openSync(`${options.logPath}.err`, 'w')
    const child = Bun.spawn([...options.command], {
      stdin: 'ignore',
      stdout: out,
      stderr: err,
      env: { ...Bun.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    closeSync(out)
    closeSync(err)
    return new Process(options, child)
  }

  get output(): string {
    return readFileSync(this.#logPath, 'utf8')
  }

  get errors(): string {
    return readFileSync(`${this.#logPath}.err`, 'utf8')
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Waits for a line of stdout; a process that ends instead is reported with its last words. */
  waitForOutput(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    return waitFor(`${pattern} from ${this.name}`, timeoutMs, () => {
      const found = pattern.exec(this.output)
      if (found === null && this.hasExited) throw new Error(this.#lastWords())
      return found
    })
  }

  /** Waits for the end by itself and gives the exit code; a process past its time is killed. */
  async exit(timeoutMs: number): Promise<number> {
    const code = await Promise.race([
      this.#child.exited,
      sleep(systemClock, timeoutMs).then(() => null),
    ])
    if (code !== null) return code
    this.#child.kill('SIGKILL')
    await this.#child.exited
    throw new Error(`${this.name} was still running after ${timeoutMs} ms\n${this.#lastWords()}`)
  }

  /** Asks the process to end, insists after a while. Safe to call twice. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.hasExited) return
    this.#child.kill(signal)
    await Promise.race([this.#child.exited, sleep(systemClock, STOP_TIMEOUT_MS)])
    if (!this.hasExited) this.#child.kill('SIGKILL')
    await this.#child.exited
  }

  #lastWords(): string {
    const tail = `${this.output}\n${this.errors}`.trim().split('\n').slice(-15).join('\n')
    return `${this.name} (pid ${this.pid}) said:\n${tail}`
  }
}

/** Runs a command to its end and returns what it printed; a non-zero exit code is an error. */
export async function run(
  command: readonly string[],
  options: { timeoutMs: number; cwd?: string; env?: Record<string, string>; stdin?: string },
): Promise<string> {
  const result = await runToEnd(command, options)
  if (result.exitCode === 0) return result.stdout
  const tail = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-15).join('\n')
  throw new Error(`${command.join(' ')} exited with ${result.exitCode}:\n${tail}`)
}

export interface RunResult {
  exitCode: number
  stdout: string
  stderr: string
}

export async function runToEnd(
  command: readonly string[],
  options: { timeoutMs: number; cwd?: string; env?: Record<string, string>; stdin?: string },
): Promise<RunResult> {
  const child = Bun.spawn([...command], {
    stdin: options.stdin === undefined ? 'ignore' : Buffer.from(options.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
    env: { ...Bun.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode, stdout, stderr }
}
