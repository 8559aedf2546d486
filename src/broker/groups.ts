// The consumer groups a broker knows of, whether anybody is connected or not. A group comes into being
// with its first heartbeat, together with its retry topic; administrators change its settings. Each
// change is durable before it is answered.

import { MqError } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { checkGroupName } from '../core/names.ts'
import { PERMISSION, RETRY_TOPIC_PREFIX } from '../remoting/codes.ts'
import { defaultGroupConfig, type GroupConfig } from '../remoting/group-config.ts'
import type { BrokerContext } from './context.ts'

/** More retries than a queue could ever need before the dead-letter topic. */
const RETRY_COUNT_MAX = 10_000

export class Groups {
  readonly #context: BrokerContext
  /** Groups on their way into the log, so that a hundred members make it once. */
  readonly #beingMade = new Map<string, Promise<void>>()

  constructor(context: BrokerContext) {
    this.#context = context
  }

  names(): string[] {
    return [...this.#context.state.groups.keys()].sort()
  }

  has(name: string): boolean {
    return this.#context.state.groups.has(name)
  }

  /** The defaults for a group nobody has set up. */
  config(name: string): GroupConfig {
    return this.#context.state.groups.get(name)?.config ?? defaultGroupConfig(name)
  }

  isConsumeEnabled(name: string): boolean {
    return this.#context.state.groups.get(name)?.config?.isConsumeEnabled ?? true
  }

  /** True if the group and its retry topic exist; then `ensure` has nothing to do. */
  isReady(name: string): boolean {
    return this.has(name) && this.#context.state.topics.has(RETRY_TOPIC_PREFIX + name)
  }

  /** Makes the group and its retry topic durable. Consumers look for that topic's route next. */
  ensure(name: string): Promise<void> {
    let making = this.#beingMade.get(name)
    if (making === undefined) {
      making = this.#make(name)
      this.#beingMade.set(name, making)
      const done = (): boolean => this.#beingMade.delete(name)
      making.then(done, done)
    }
    return making
  }

  /** Throws GROUP_INVALID or USAGE. */
  async put(config: GroupConfig): Promise<void> {
    checkGroupName(config.name)
    checkRange('retry queues', config.retryQueueCount, QUEUE_COUNT_MAX)
    checkRange('retries', config.retryCountMax, RETRY_COUNT_MAX)
    await this.#context.writer.write({ kind: 'put-group', name: config.name, config })
  }

  /** The group and its committed offsets. Deleting what is not there is a success. */
  async delete(name: string): Promise<void> {
    this.#context.offsets.forgetGroup(name)
    if (this.has(name)) await this.#context.writer.write({ kind: 'delete-group', name })
  }

  async #make(name: string): Promise<void> {
    const { topics, writer } = this.#context
    const queueCount = Math.max(1, this.config(name).retryQueueCount)
    const retryTopic = topics.ensure({
      name: RETRY_TOPIC_PREFIX + name,
      readQueueCount: queueCount,
      writeQueueCount: queueCount,
      permission: PERMISSION.read | PERMISSION.write,
      systemFlag: 0,
      isOrdered: false,
    })
    const group = this.has(name) ? null : writer.write({ kind: 'put-group', name })
    await Promise.all([retryTopic, group])
  }
}

function checkRange(what: string, count: number, countMax: number): void {
  if (Number.isSafeInteger(count) && count >= 0 && count <= countMax) return
  throw new MqError('USAGE', `invalid number of ${what}: ${count}`, {
    hint: `use 0 to ${countMax}`,
  })
}
