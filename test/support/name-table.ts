// A name service of one table, for simulated clusters and for tests of what follows it.

import { MqError } from '../../src/core/errors.ts'
import type { NameAnswer, NameResolver } from '../../src/remoting/name-resolver.ts'

export class NameTable implements NameResolver {
  readonly #names = new Map<string, { addresses: readonly string[]; ttlMs: number }>()
  /** Names in the order they were asked for. */
  readonly asked: string[] = []
  /** While it is down, every question fails. */
  isDown = false
  /** While it is mute, questions stay unanswered. */
  isMute = false
  isComplete = true

  set(name: string, addresses: readonly string[], ttlMs = 10_000): void {
    this.#names.set(name, { addresses, ttlMs })
  }

  remove(name: string): void {
    this.#names.delete(name)
  }

  async lookUp(name: string): Promise<NameAnswer> {
    this.asked.push(name)
    if (this.isMute) return new Promise(() => {})
    const found = this.#names.get(name)
    if (this.isDown) throw new MqError('TIMED_OUT', `the name service did not answer for ${name}`)
    if (found === undefined) throw new MqError('UNREACHABLE', `there is no name ${name}`)
    return { ...found, isComplete: this.isComplete }
  }
}
