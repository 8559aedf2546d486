// A running node and its configuration file, for tests that change one key at a time and look what
// happens.

import { writeFileSync } from 'node:fs'
import type { Explanation } from '../../src/cli/config-explain.ts'
import type { ReloadReport } from '../../src/remoting/reload-config.ts'
import { jsonLines, mq, mqOk } from './cli.ts'
import { CliNode } from './cli-node.ts'

/** Key → its value as the file has it. */
export type Keys = Readonly<Record<string, string>>

export class ConfiguredNode {
  readonly role: 'broker' | 'nameserver'
  readonly path: string
  readonly #base: Keys
  #node: CliNode | null = null

  constructor(role: 'broker' | 'nameserver', path: string, base: Keys) {
    this.role = role
    this.path = path
    this.#base = base
    this.write({})
  }

  get node(): CliNode {
    if (this.#node === null) throw new Error(`the ${this.role} does not run`)
    return this.#node
  }

  async start(): Promise<void> {
    this.#node = await CliNode.start([this.role, '--config', this.path])
  }

  async stop(): Promise<void> {
    await this.#node?.stop()
    this.#node = null
  }

  /** The base with these keys instead. */
  write(changes: Keys): void {
    const keys = { ...this.#base, ...changes }
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}`)
    writeFileSync(this.path, `[${this.role}]\n${lines.join('\n')}\n`)
  }

  async reload(): Promise<{ report: ReloadReport; exitCode: number }> {
    const { text, exitCode, stderr } = await mq(['reload', '--json', this.node.address])
    const [report] = jsonLines<ReloadReport>(text)
    if (report === undefined) throw new Error(stderr)
    return { report, exitCode }
  }

  async explain(key: string): Promise<Explanation> {
    const words = ['config', 'explain', `${this.role}.${key}`, '--json', '--config', this.path]
    const [row] = jsonLines<Explanation>((await mqOk(words)).text)
    if (row === undefined) throw new Error(`${key} is not explained`)
    return row
  }
}
