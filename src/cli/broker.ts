// `mq broker`: one broker in the foreground.

import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { Broker } from '../broker/broker.ts'
import { type BrokerConfig, defaultBrokerConfig, type LiveBrokerConfig } from '../broker/config.ts'
import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { SEGMENT_BYTES } from '../core/limits.ts'
import { systemRandom } from '../core/random.ts'
import { parseAddress } from '../remoting/address.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import type { HostPort } from '../remoting/network.ts'
import { openSqliteLog } from '../store/sqlite-log.ts'
import { JSON_OPTION } from './client-session.ts'
import type { Command, Invocation } from './command.ts'
import { resolverOf, resolveSettings, type Settings, settingOptions } from './context.ts'
import { DURABILITY_MODES, durabilityColumns } from './durability.ts'
import { NODE_OPTIONS, nodeLogger, serve } from './node-process.ts'
import { NodeSettings } from './node-settings.ts'

export const broker: Command = {
  usage: '',
  summary: 'Runs one broker. Every acknowledged message is on disk unless --flush says otherwise.',
  examples: [
    { command: 'mq broker --name broker-a --data ./data-a', does: 'next to a local nameserver' },
    {
      command: 'mq broker --config mq.toml --listen 0.0.0.0:10911 --advertise db1:10911',
      does: 'for other machines, under a name they can reach',
    },
    { command: 'mq broker --explain', does: 'what an acknowledged message survives' },
  ],
  options: [
    ...settingOptions('broker'),
    { flag: '--explain', help: 'print what each flush mode promises, and end' },
    ...NODE_OPTIONS,
    JSON_OPTION,
  ],
  timeLimit: 'Runs until it is stopped (SIGTERM, SIGINT); a stop takes at most 20 s.',
  notes: [
    'Prints "ready broker NAME HOST:PORT" on stdout once it serves. A data folder belongs to one',
    'broker at a time; a wiped one has a new identity. Exit code 70: the disk failed. Reads its',
    'configuration file again on SIGHUP and on mq reload.',
  ],
  async run(invocation) {
    const { flags, output } = invocation
    const settings = resolveSettings('broker', flags)
    if (flags.isSet('explain')) {
      output.rows(durabilityColumns(settings.text('flush')), DURABILITY_MODES)
      return EXIT.ok
    }
    const config = brokerConfig(settings, invocation)
    if (config.flush === 'async') {
      invocation.note(
        'warning: flush=async acknowledges before the disk has it: a power cut loses the newest messages',
      )
    }
    const folder = settings.optionalText('data') ?? ''
    const data =
      flags.isSet('data') || folder !== DEFAULT_FOLDER ? folder : join('mq-data', config.name)
    const logger = nodeLogger(settings, config.name)
    const live = new NodeSettings({
      role: 'broker',
      node: `broker ${config.name}`,
      flags,
      settings,
      logger,
      apply: (changed, keys) => {
        const resolver = keys.has('dns-server') ? resolverOf(changed) : undefined
        return node.reconfigure(liveBrokerConfig(changed), resolver)
      },
    })
    let fail: (error: MqError) => void = () => {}
    const failed = new Promise<MqError>((resolve) => {
      fail = resolve
    })
    const node = new Broker({
      config,
      log: openSqliteLog({
        folder: data,
        flush: config.flush,
        segmentBytes: SEGMENT_BYTES,
        clock: systemClock,
        random: systemRandom,
        logger,
      }),
      network: bunNetwork,
      clock: systemClock,
      random: systemRandom,
      logger,
      onFailed: fail,
      resolver: resolverOf(settings),
      reload: () => live.reload(),
    })
    return serve(invocation, { node, title: `broker ${config.name}`, settings: live, failed })
  },
}

const DEFAULT_FOLDER = './mq-data/NAME'

function brokerConfig(settings: Settings, invocation: Invocation): BrokerConfig {
  const listen = parseAddress(settings.text('listen'))
  const advertised = settings.optionalText('advertise')
  return {
    ...defaultBrokerConfig(),
    name: settings.text('name'),
    cluster: settings.text('cluster'),
    listen,
    advertise: advertised === null ? reachable(listen, invocation) : parseAddress(advertised),
    autoCreateTopics: settings.isOn('auto-create'),
    autoCreateQueueCount: settings.number('default-queues'),
    flush: settings.text('flush') === 'async' ? 'async' : 'sync',
    ...liveBrokerConfig(settings),
  }
}

export function liveBrokerConfig(settings: Settings): LiveBrokerConfig {
  return {
    nameservers: settings.list('nameservers'),
    heartbeatIntervalMs: settings.number('heartbeat-interval'),
    retentionMs: settings.number('retention'),
    retentionBytes: settings.number('retention-size'),
  }
}

/** Nobody can connect to "any address": without --advertise the machine's first one is told. */
function reachable(listen: HostPort, invocation: Invocation): HostPort | null {
  if (listen.host !== '0.0.0.0' && listen.host !== '::') return null
  const host = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address
  if (host === undefined || listen.port === 0) {
    throw new MqError('USAGE', `no address to advertise for ${listen.host}:${listen.port}`, {
      hint: `say how clients reach it: --advertise HOST:${listen.port || 10_911}`,
    })
  }
  invocation.note(`note: clients are told ${host}:${listen.port}; --advertise changes that`)
  return { host, port: listen.port }
}
