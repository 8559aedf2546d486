// `mq up`: a local cluster in the foreground, for trying things out and for tests of applications.

import { resolve as resolvePath } from 'node:path'
import { EXIT } from '../core/errors.ts'
import { LOG_LEVELS } from '../core/logger.ts'
import type { Command } from './command.ts'
import { onHangup } from './hangup.ts'
import { LocalCluster, planNodes } from './local-cluster.ts'
import { paletteFor } from './output.ts'
import { selfName } from './self.ts'
import { onStdinEnd, STOP_WITH_STDIN_OPTION } from './stop-with-stdin.ts'

const NAMESERVER_PORT = 9876
/** Apache's broker port, so that everything finds everything where it expects it. */
const BROKER_PORTS = [10_911, 10_921]

export const up: Command = {
  usage: '',
  summary: 'Runs a local cluster in the foreground: 2 nameservers and 2 brokers. Ctrl-C stops it.',
  examples: [
    { command: 'mq up', does: 'nameservers on 9876 and 9877, data in ./mq-data' },
    { command: 'mq up --data /tmp/try --port 0', does: 'another folder, free ports' },
  ],
  options: [
    { flag: '--data <folder>', help: 'where the brokers keep their messages (default ./mq-data)' },
    {
      flag: '--port <n>',
      help: 'port of the first nameserver (default 9876); the other ports follow it, 0 takes free ones',
    },
    {
      flag: '--config <file>',
      help: 'configuration file of every node (default mq.toml in the folder of --data)',
    },
    { flag: '--log <level>', help: 'debug, info, warn or error (default info)' },
    STOP_WITH_STDIN_OPTION,
  ],
  timeLimit: 'Runs until it is stopped; every node starts within 20 s or the command fails.',
  notes: [
    'Topics are created automatically. Prints "ready cluster HOST:PORT,HOST:PORT" on stdout when all',
    'nodes serve; their diagnostics go to stderr, each line with the name of its node. On SIGHUP every',
    'node reads its configuration file again; names, addresses and folders stay as mq up gave them.',
  ],
  async run(invocation) {
    const { flags, interruption, output } = invocation
    const port = flags.integer('port', { min: 0, max: 60_000 }) ?? NAMESERVER_PORT
    const palette = paletteFor(process.stderr)
    const paints = [palette.cyan, palette.magenta, palette.green, palette.yellow]
    const shift = port - NAMESERVER_PORT
    const nodes = [
      ...planNodes('nameserver', port === 0 ? [0, 0] : [port, port + 1]),
      ...planNodes(
        'broker',
        BROKER_PORTS.map((each) => (port === 0 ? 0 : each + shift)),
      ),
    ]
    const names = nodes.map((node) => node.name)
    const width = Math.max(...names.map((name) => name.length))
    const show = (name: string, line: string): void => {
      const paint = paints[names.indexOf(name) % paints.length] ?? palette.cyan
      invocation.note(`${paint(`${name.padEnd(width)} |`)} ${line}`)
    }
    const config = flags.text('config')
    const cluster = await LocalCluster.start({
      folder: flags.text('data') ?? 'mq-data',
      nodes,
      nodeArgs: config === undefined ? [] : ['--config', resolvePath(config)],
      brokerArgs: ['--auto-create'],
      logLevel: flags.choice('log', LOG_LEVELS) ?? null,
      onLine: show,
    })
    output.line(`ready cluster ${cluster.nameservers.join(',')}`)
    invocation.note(nextSteps(cluster, port === NAMESERVER_PORT, palette.bold))
    for (const node of cluster.nodes()) {
      void node.ended.then((how) => {
        if (interruption.received === null) show(node.name, `ended (${how})`)
      })
    }
    const allEnded = Promise.all(cluster.nodes().map((node) => node.ended))
    const stopped = new Promise<'stopped'>((resolve) => {
      interruption.onReceived(() => resolve('stopped'))
      onStdinEnd(invocation, () => resolve('stopped'))
      onHangup({
        onReload: () => {
          for (const node of cluster.nodes()) node.reload()
        },
        onTerminalGone: () => resolve('stopped'),
      })
    })
    const end = await Promise.race([allEnded, stopped])
    await cluster.stop()
    return end === 'stopped' ? EXIT.ok : EXIT.failed
  },
}

function nextSteps(
  cluster: LocalCluster,
  isDefaultPort: boolean,
  bold: (text: string) => string,
): string {
  const mq = selfName()
  const why = isDefaultPort ? '   # both; mq asks the first one otherwise' : ''
  return [
    '',
    bold('The cluster is up. In another terminal:'),
    `  export MQ_NAMESERVER=${cluster.nameservers.join(',')}${why}`,
    `  echo hello | ${mq} produce greetings`,
    `  ${mq} consume greetings`,
    `  ${mq} route greetings`,
    '',
    `Data is in ${cluster.folder}; Ctrl-C stops the cluster and keeps it.`,
    '',
  ].join('\n')
}
