// The cluster that `mq bench nameserver` makes up: which of its brokers has which of its topics, and
// what each registers. Pure.

import { PERMISSION } from '../remoting/codes.ts'
import type { FieldValues } from '../remoting/command.ts'
import { encodeRegistration } from '../remoting/registration.ts'

const QUEUE_COUNT = 8
const CLUSTER = 'bench-cluster'
const SELF_TEST = 'bench-self-test'
const ID_DIGITS = 5

export interface NameserverLoad {
  brokerCount: number
  topicCount: number
  /** Brokers that have each topic. */
  spread: number
  clientCount: number
  watcherCount: number
}

export function topicName(index: number): string {
  return `bench-topic-${String(index).padStart(ID_DIGITS, '0')}`
}

/** The topic a client asks for: all of them equally. */
export function topicOfClient(load: NameserverLoad, client: number): string {
  return topicName(client % load.topicCount)
}

export class BenchCluster {
  readonly #load: NameserverLoad
  /** Where all brokers have all topics they send the same bytes. */
  #shared: Buffer | null = null

  constructor(load: NameserverLoad) {
    this.#load = load
  }

  /** Topic-on-broker pairs. */
  get entryCount(): number {
    const { brokerCount, topicCount, spread } = this.#load
    return topicCount * spread + brokerCount * 2
  }

  fields(broker: number): FieldValues {
    const name = `bench-broker-${String(broker).padStart(ID_DIGITS, '0')}`
    const address = `10.${broker >> 16}.${(broker >> 8) & 255}.${broker & 255}:10911`
    return {
      brokerName: name,
      brokerAddr: address,
      clusterName: CLUSTER,
      haServerAddr: address,
      brokerId: 0,
      bodyCrc32: 0,
      compressed: false,
    }
  }

  body(broker: number): Buffer {
    const { brokerCount, topicCount, spread } = this.#load
    if (spread === brokerCount && this.#shared !== null) return this.#shared
    const names = [...Array(topicCount).keys()]
      .filter((topic) => (((broker - topic) % brokerCount) + brokerCount) % brokerCount < spread)
      .map(topicName)
    // A nameserver takes no first registration of a single topic; real brokers have two at least.
    names.push(CLUSTER, SELF_TEST)
    const body = encodeRegistration({
      dataVersion: { stateVersion: 0, timestampMs: 1, counter: 1 },
      topics: names.map((name) => ({
        name,
        readQueueCount: QUEUE_COUNT,
        writeQueueCount: QUEUE_COUNT,
        permission: PERMISSION.read | PERMISSION.write,
        systemFlag: 0,
        isOrdered: false,
      })),
    })
    if (spread === brokerCount) this.#shared = body
    return body
  }
}
