// Nodes started through the executable: ready when they say so, stopped by their own process id.

import { cleanEnvironment, MQ, TempFolder } from './cli.ts'

const READY_LIMIT_MS = 20_000

export class CliNode {
  readonly child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  /** The whole ready line. */
  readonly readyLine: string
  /** All of it, once the node has ended. */
  readonly stderr: Promise<string>
  readonly #stderr: StderrText

  private constructor(
    child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>,
    readyLine: string,
    stderr: StderrText,
  ) {
    this.child = child
    this.readyLine = readyLine
    this.stderr = stderr.whole
    this.#stderr = stderr
  }

  /** What it has said on stderr so far. */
  get log(): string {
    return this.#stderr.text
  }

  /** Resolves once `pattern` is in its log; rejects with the log if that takes too long. */
  async logged(pattern: string | RegExp, from = 0): Promise<void> {
    const deadlineMs = performance.now() + READY_LIMIT_MS
    const isThere = (): boolean => new RegExp(pattern).test(this.log.slice(from))
    while (!isThere()) {
      if (performance.now() > deadlineMs) throw new Error(`no ${pattern} in: ${this.log}`)
      await Bun.sleep(20)
    }
  }

  /** The addresses on the ready line: one, or those of a cluster. */
  get address(): string {
    return this.readyLine.split(' ').at(-1) ?? ''
  }

  static async start(
    args: readonly string[],
    options: { cwd?: string; prefix?: readonly string[] } = {},
  ): Promise<CliNode> {
    // Whatever happens to a test, its nodes end with it.
    const command = [...(options.prefix ?? []), ...MQ, ...args, '--stop-with-stdin']
    const child = Bun.spawn(command, {
      env: cleanEnvironment(),
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    const stderr = new StderrText(child.stderr)
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_LIMIT_MS)
    const reader = child.stdout.getReader()
    let said = ''
    while (!said.includes('\n')) {
      const { value, done } = await reader.read()
      if (done) break
      said += Buffer.from(value).toString()
    }
    clearTimeout(timer)
    const line = said.split('\n')[0] ?? ''
    if (!line.startsWith('ready ')) {
      child.kill('SIGKILL')
      throw new Error(`mq ${args.join(' ')} is not ready: ${said}${await stderr.whole}`)
    }
    return new CliNode(child, line, stderr)
  }

  async stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal)
    await this.child.exited
    return this.child.exitCode
  }
}

/** Standard error as it comes. */
class StderrText {
  text = ''
  readonly whole: Promise<string>

  constructor(stream: ReadableStream<Uint8Array>) {
    this.whole = this.#read(stream)
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder()
    const reader = stream.getReader()
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return this.text
      this.text += decoder.decode(value, { stream: true })
    }
  }
}

/** `mq up` on free ports, in a folder of its own. */
export class CliCluster {
  readonly nameservers: string
  readonly folder: TempFolder
  readonly #node: CliNode

  private constructor(node: CliNode, folder: TempFolder) {
    this.#node = node
    this.folder = folder
    this.nameservers = node.address
  }

  static async start(): Promise<CliCluster> {
    const folder = new TempFolder('cluster')
    const node = await CliNode.start(['up', '--port', '0', '--data', folder.join('data')], {
      cwd: folder.path,
    })
    return new CliCluster(node, folder)
  }

  /** For commands that talk to this cluster. */
  get env(): Record<string, string> {
    return { MQ_NAMESERVER: this.nameservers }
  }

  async stop(): Promise<number | null> {
    const code = await this.#node.stop()
    this.folder.remove()
    return code
  }
}
