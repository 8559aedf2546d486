// Settings that administrators leave at a nameserver for clients to read, by namespace and key. Kept in
// memory only, like everything here: a nameserver has nothing to recover, so after a restart whoever
// needs a setting writes it again (mqadmin writes it to every nameserver anyway).

import { MqError } from '../core/errors.ts'
import { KV_ENTRY_COUNT_MAX, KV_TEXT_LENGTH_MAX } from '../core/limits.ts'

/** Topic → "broker:queues;…" for topics whose order is kept over all brokers. */
export const ORDER_NAMESPACE = 'ORDER_TOPIC_CONFIG'

export class KvConfig {
  readonly #namespaces = new Map<string, Map<string, string>>()
  readonly #onOrderChanged: (topic: string) => void
  #count = 0
  #version = 0

  /** `onOrderChanged` hears of topics whose entry of ORDER_NAMESPACE is put or deleted. */
  constructor(onOrderChanged: (topic: string) => void = () => {}) {
    this.#onOrderChanged = onOrderChanged
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version
  }

  put(entry: { namespace: string; key: string; value: string }): void {
    const { namespace, key, value } = entry
    const lengthMax = Math.max(namespace.length, key.length, value.length)
    if (lengthMax > KV_TEXT_LENGTH_MAX) {
      throw new MqError('PROTOCOL', `a setting of ${lengthMax} characters is too long`, {
        hint: `${KV_TEXT_LENGTH_MAX} are allowed`,
      })
    }
    let table = this.#namespaces.get(namespace)
    const isNew = table?.has(key) !== true
    if (isNew && this.#count >= KV_ENTRY_COUNT_MAX) {
      throw new MqError('BROKER_BUSY', `${KV_ENTRY_COUNT_MAX} settings are kept already`)
    }
    if (table === undefined) {
      table = new Map()
      this.#namespaces.set(namespace, table)
    }
    if (isNew) this.#count++
    table.set(key, value)
    this.#noteChanged(namespace, key)
  }

  get(namespace: string, key: string): string | null {
    return this.#namespaces.get(namespace)?.get(key) ?? null
  }

  /** All settings of a namespace; empty if there is none. */
  table(namespace: string): ReadonlyMap<string, string> {
    return this.#namespaces.get(namespace) ?? new Map()
  }

  delete(namespace: string, key: string): void {
    const table = this.#namespaces.get(namespace)
    if (table?.delete(key) !== true) return
    this.#count--
    if (table.size === 0) this.#namespaces.delete(namespace)
    this.#noteChanged(namespace, key)
  }

  #noteChanged(namespace: string, key: string): void {
    this.#version++
    if (namespace === ORDER_NAMESPACE) this.#onOrderChanged(key)
  }
}
