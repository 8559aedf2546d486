// A whole cluster on this machine: nameservers and brokers as child processes. Used by `mq up`, by
// the simulation of a shutdown and by the demo. A node that comes back has its old address.

import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MqError } from '../core/errors.ts'
import { ChildNode } from './child-node.ts'

export interface NodePlan {
  name: string
  kind: 'nameserver' | 'broker'
  /** "127.0.0.1:0" takes a free port, and keeps it. */
  listen: string
}

export interface LocalClusterOptions {
  /** Holds one folder per broker. */
  folder: string
  nodes: readonly NodePlan[]
  /** Further arguments of every node. */
  nodeArgs?: readonly string[]
  /** Further arguments of every broker. */
  brokerArgs?: readonly string[]
  /** Null: as their configuration says. */
  logLevel: string | null
  onLine: (name: string, line: string) => void
}

export function planNodes(kind: 'nameserver' | 'broker', ports: readonly number[]): NodePlan[] {
  return ports.map((port, i) => ({
    name: kind === 'broker' ? `broker-${String.fromCharCode(97 + i)}` : `nameserver-${i + 1}`,
    kind,
    listen: `127.0.0.1:${port}`,
  }))
}

export class LocalCluster {
  readonly folder: string
  readonly #options: LocalClusterOptions
  readonly #nodes = new Map<string, ChildNode>()
  /** Name → address, from the first start on. */
  readonly #addresses = new Map<string, string>()

  private constructor(options: LocalClusterOptions) {
    this.#options = options
    this.folder = resolve(options.folder)
  }

  /** Starts everything, nameservers first. If one does not start, none stays. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const cluster = new LocalCluster(options)
    makeFolder(cluster.folder)
    try {
      for (const kind of ['nameserver', 'broker'] as const) {
        const names = options.nodes.filter((node) => node.kind === kind).map((node) => node.name)
        const started = await Promise.allSettled(names.map((name) => cluster.startNode(name)))
        const failed = started.find((result) => result.status === 'rejected')
        if (failed !== undefined) throw failed.reason
      }
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  get nameservers(): string[] {
    return this.#addressesOf('nameserver')
  }

  names(kind: 'nameserver' | 'broker'): string[] {
    return this.#options.nodes.filter((node) => node.kind === kind).map((node) => node.name)
  }

  node(name: string): ChildNode {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new MqError('BROKER_NOT_FOUND', `there is no node ${name} here`)
    return node
  }

  nodes(): ChildNode[] {
    return [...this.#nodes.values()]
  }

  dataFolder(broker: string): string {
    return join(this.folder, broker)
  }

  /** Starts one node, or starts it again. */
  async startNode(name: string): Promise<ChildNode> {
    const plan = this.#options.nodes.find((node) => node.name === name)
    if (plan === undefined) throw new MqError('BROKER_NOT_FOUND', `there is no node ${name} here`)
    const node = await ChildNode.start({
      name,
      args: this.#arguments(plan),
      folder: this.folder,
      onLine: this.#options.onLine,
    })
    this.#nodes.set(name, node)
    this.#addresses.set(name, node.address)
    return node
  }

  /** Stops all, brokers first: they say goodbye to the nameservers. */
  async stop(): Promise<void> {
    for (const kind of ['broker', 'nameserver'] as const) {
      const nodes = this.names(kind).map((name) => this.#nodes.get(name))
      await Promise.all(nodes.map((node) => node?.stop()))
    }
  }

  #arguments(plan: NodePlan): string[] {
    const listen = this.#addresses.get(plan.name) ?? plan.listen
    const { logLevel, nodeArgs = [] } = this.#options
    const log = logLevel === null ? [] : ['--log', logLevel]
    const common = [plan.kind, '--listen', listen, ...log, ...nodeArgs]
    if (plan.kind === 'nameserver') return common
    return [
      ...common,
      '--name',
      plan.name,
      '--nameservers',
      this.nameservers.join(','),
      '--data',
      this.dataFolder(plan.name),
      ...(this.#options.brokerArgs ?? []),
    ]
  }

  #addressesOf(kind: 'nameserver' | 'broker'): string[] {
    return this.names(kind).flatMap((name) => this.#addresses.get(name) ?? [])
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (cause) {
    throw new MqError(
      'DATA_FOLDER_UNUSABLE',
      `cannot make the folder ${folder}: ${String(cause)}`,
      {
        hint: 'choose another with --data FOLDER',
        cause,
      },
    )
  }
}
