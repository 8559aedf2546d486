// `mq nameserver`: one nameserver in the foreground.

import { systemClock } from '../core/clock.ts'
import { defaultNameserverConfig, type LiveNameserverConfig } from '../nameserver/config.ts'
import { Nameserver } from '../nameserver/nameserver.ts'
import { parseAddress } from '../remoting/address.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import type { Command } from './command.ts'
import { resolveSettings, type Settings, settingOptions } from './context.ts'
import { NODE_OPTIONS, nodeLogger, serve } from './node-process.ts'
import { NodeSettings } from './node-settings.ts'

export const nameserver: Command = {
  usage: '',
  summary: 'Runs one nameserver. Nameservers keep nothing on disk and do not know each other.',
  examples: [
    { command: 'mq nameserver --listen 127.0.0.1:9876', does: 'this machine only' },
    { command: 'mq nameserver --listen 0.0.0.0:9876', does: 'for other machines too' },
    { command: 'mq nameserver --config mq.toml', does: 'settings from a file' },
  ],
  options: [...settingOptions('nameserver'), ...NODE_OPTIONS],
  timeLimit: 'Runs until it is stopped (SIGTERM, SIGINT); a stop takes at most 20 s.',
  notes: [
    'Prints "ready nameserver HOST:PORT" on stdout once it serves. Reads its configuration file again on',
    'SIGHUP and on mq reload.',
  ],
  async run(invocation) {
    const settings = resolveSettings('nameserver', invocation.flags)
    const logger = nodeLogger(settings, 'nameserver')
    const live = new NodeSettings({
      role: 'nameserver',
      node: 'nameserver',
      flags: invocation.flags,
      settings,
      logger,
      apply: (changed) => node.reconfigure(liveConfig(changed)),
    })
    const node = new Nameserver({
      config: {
        ...defaultNameserverConfig(),
        listen: parseAddress(settings.text('listen')),
        ...liveConfig(settings),
      },
      network: bunNetwork,
      clock: systemClock,
      logger,
      reload: () => live.reload(),
    })
    return serve(invocation, { node, title: 'nameserver', settings: live })
  },
}

function liveConfig(settings: Settings): LiveNameserverConfig {
  return {
    scanIntervalMs: settings.number('scan-interval'),
    brokerExpiryMs: settings.number('broker-expiry'),
  }
}
