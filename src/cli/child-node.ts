// A nameserver or broker as a child process of this one: the same executable, on its own, ready when
// it says so. Its standard input is a pipe from us, so that it stops when we are gone, even by kill -9.

import { systemClock } from '../core/clock.ts'
import { type ErrorCode, EXIT, MqError } from '../core/errors.ts'
import { beforeExit } from './exit-duty.ts'
import { selfCommand } from './self.ts'
import { formatDuration } from './units.ts'

const START_LIMIT_MS = 20_000
const STOP_LIMIT_MS = 10_000

export interface ChildOptions {
  /** "nameserver-1", "broker-a": for log lines and errors. */
  name: string
  /** Everything after mq. */
  args: readonly string[]
  /** Where it runs: not here, or it would read our mq.toml. */
  folder: string
  /** Its diagnostics, line by line. */
  onLine: (name: string, line: string) => void
}

export class ChildNode {
  readonly name: string
  readonly pid: number
  /** HOST:PORT it said it serves on. */
  readonly address: string
  /** Resolves with the exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>
  readonly #process: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  #hasEnded = false
  #forgetThawing = (): void => {}

  private constructor(
    name: string,
    address: string,
    child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>,
  ) {
    this.name = name
    this.address = address
    this.pid = child.pid
    this.#process = child
    this.ended = child.exited.then((code) => {
      this.#hasEnded = true
      this.#forgetThawing()
      return child.signalCode ?? code
    })
  }

  get isRunning(): boolean {
    return !this.#hasEnded
  }

  /** Resolves once the node is ready. Rejects with what it said when it could not start. */
  static async start(options: ChildOptions): Promise<ChildNode> {
    const { name, args, folder, onLine } = options
    const child = Bun.spawn([...selfCommand(), ...args, '--stop-with-stdin'], {
      cwd: folder,
      env: childEnvironment(),
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const said: string[] = []
    const diagnostics = eachLine(child.stderr, (line) => {
      if (said.length < 200) said.push(line)
      onLine(name, line)
    })
    let timer: { cancel(): void } | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = systemClock.after(START_LIMIT_MS, () => resolve('late'))
    })
    const ready = new Promise<string>((resolve) => {
      void eachLine(child.stdout, (line) => {
        if (line.startsWith('ready ')) resolve(line.split(' ').at(-1) ?? '')
      })
    })
    const exited = child.exited.then(async (code) => {
      await diagnostics
      return code
    })
    const first = await Promise.race([ready, exited, late])
    timer?.cancel()
    if (typeof first === 'string' && first !== 'late') return new ChildNode(name, first, child)
    child.kill('SIGKILL')
    throw startError(name, first === 'late' ? null : (first as number), said)
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.ended
  }

  /** SIGSTOP, SIGCONT: for practising failure. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#hasEnded) return
    this.#process.kill(name)
    this.#forgetThawing()
    // Frozen, it would not even notice that we are gone.
    if (name === 'SIGSTOP') this.#forgetThawing = beforeExit(() => this.signal('SIGCONT'))
  }

  /** Asks it to read its configuration file again. */
  reload(): void {
    if (!this.#hasEnded) this.#process.kill('SIGHUP')
  }

  /** Asks it to stop; kills it if it does not. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return
    this.#process.kill('SIGTERM')
    const timer = systemClock.after(STOP_LIMIT_MS, () => this.#process.kill('SIGKILL'))
    await this.ended
    timer.cancel()
  }
}

/** Children are told everything by flags: nothing from the environment may point them elsewhere. */
export function childEnvironment(): Record<string, string | undefined> {
  const { MQ_NAMESERVER: _, NAMESRV_ADDR: __, ...rest } = process.env
  return { ...rest, NO_COLOR: '1' }
}

/** Calls `onLine` for each complete line (a process that is killed may leave half of one). */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const chunk of stream as ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n')
    pending = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  }
}

const CODE_OF_EXIT: Readonly<Record<number, ErrorCode>> = {
  [EXIT.usage]: 'USAGE',
  [EXIT.refused]: 'PORT_IN_USE',
  [EXIT.unreachable]: 'UNREACHABLE',
}

function startError(name: string, exitCode: number | null, said: readonly string[]): MqError {
  const find = (prefix: string): string | undefined =>
    said.findLast((line) => line.startsWith(prefix))?.slice(prefix.length)
  const reason =
    exitCode === null
      ? `it was not ready within ${formatDuration(START_LIMIT_MS)}`
      : (find('error: ') ?? said.at(-1) ?? `it ended with exit code ${exitCode}`)
  const hint = find('try: ')
  return new MqError(
    CODE_OF_EXIT[exitCode ?? -1] ?? 'INTERNAL',
    `${name} did not start: ${reason}`,
    {
      ...(hint === undefined ? {} : { hint }),
    },
  )
}
