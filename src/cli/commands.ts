// Every command by name, loaded only when it is used: `mq --version` must not pay for a broker.

import type { Command, CommandGroup } from './command.ts'

export interface CommandEntry {
  name: string
  /** Heading in the overview. */
  group: string
  summary: string
  load(): Promise<Command | CommandGroup>
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'up',
    group: 'Run a cluster',
    summary: 'a local cluster (2 nameservers, 2 brokers) in the foreground',
    load: async () => (await import('./up.ts')).up,
  },
  {
    name: 'nameserver',
    group: 'Run a cluster',
    summary: 'one nameserver: knows which broker holds which topic',
    load: async () => (await import('./nameserver.ts')).nameserver,
  },
  {
    name: 'broker',
    group: 'Run a cluster',
    summary: 'one broker: stores messages and serves clients',
    load: async () => (await import('./broker.ts')).broker,
  },
  {
    name: 'config',
    group: 'Run a cluster',
    summary: 'check, show or explain the configuration',
    load: async () => (await import('./config.ts')).config,
  },
  {
    name: 'reload',
    group: 'Run a cluster',
    summary: 'make running nodes read their configuration files again',
    load: async () => (await import('./reload.ts')).reload,
  },
  {
    name: 'produce',
    group: 'Move messages',
    summary: 'send standard input, a file or JSON as messages',
    load: async () => (await import('./produce.ts')).produce,
  },
  {
    name: 'consume',
    group: 'Move messages',
    summary: 'print messages, as a consumer group or without one',
    load: async () => (await import('./consume.ts')).consume,
  },
  {
    name: 'route',
    group: 'Look inside',
    summary: 'the brokers and queues of a topic as each nameserver sees them',
    load: async () => (await import('./route.ts')).route,
  },
  {
    name: 'topic',
    group: 'Look inside',
    summary: 'list, show, create, alter or delete topics',
    load: async () => (await import('./topic.ts')).topic,
  },
  {
    name: 'group',
    group: 'Look inside',
    summary: 'list or show consumer groups, reset their offsets',
    load: async () => (await import('./group.ts')).group,
  },
  {
    name: 'cluster',
    group: 'Look inside',
    summary: 'clusters and their brokers',
    load: async () => (await import('./cluster.ts')).cluster,
  },
  {
    name: 'drain',
    group: 'Run a cluster',
    summary: 'turn producers away from a broker until it can be stopped without a failed send',
    load: async () => (await import('./drain.ts')).drain,
  },
  {
    name: 'undrain',
    group: 'Run a cluster',
    summary: 'bring a drained broker back',
    load: async () => (await import('./drain.ts')).undrain,
  },
  {
    name: 'doctor',
    group: 'Look inside',
    summary: 'find what is wrong with a cluster, and what to do about it',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'explain',
    group: 'Look inside',
    summary: 'what an error means, what causes it and what to do',
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'simulate',
    group: 'Try and measure',
    summary: 'practise a failure under load, for real or in virtual time, and see what it costs',
    load: async () => (await import('./simulate.ts')).simulate,
  },
  {
    name: 'sim',
    group: 'Try and measure',
    summary: 'simulate lives of whole clusters under seeds, with random faults',
    load: async () => (await import('./sim.ts')).sim,
  },
  {
    name: 'drill',
    group: 'Try and measure',
    summary: 'measure heartbeats, scans, evictions and route pulls in real time',
    load: async () => (await import('./drill.ts')).drill,
  },
  {
    name: 'bench',
    group: 'Try and measure',
    summary: 'messages per second, latencies and server CPU per message',
    load: async () => (await import('./bench.ts')).bench,
  },
  {
    name: 'demo',
    group: 'Try and measure',
    summary: 'move real records through a cluster whose brokers die, prove nothing is lost',
    load: async () => (await import('./demo.ts')).demo,
  },
  {
    name: 'completion',
    group: 'This program',
    summary: 'completion script for bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completion,
  },
  {
    name: 'version',
    group: 'This program',
    summary: 'version of mq, of Bun and of this platform',
    load: async () => (await import('./version.ts')).version,
  },
]
