// `mq nameserver`: one nameserver in the foreground.

import { systemClock } from '../core/clock.ts'
import { defaultNameserverConfig } from '../nameserver/config.ts'
import { Nameserver } from '../nameserver/nameserver.ts'
import { parseAddress } from '../remoting/address.ts'
import { bunNetwork } from '../remoting/bun-network.ts'
import type { Command } from './command.ts'
import { resolveSettings, settingOptions } from './context.ts'
import { NODE_OPTIONS, nodeLogger, serve } from './node-process.ts'

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
  notes: ['Prints "ready nameserver HOST:PORT" on stdout once it serves.'],
  async run(invocation) {
    const settings = resolveSettings('nameserver', invocation.flags)
    const node = new Nameserver({
      config: {
        ...defaultNameserverConfig(),
        listen: parseAddress(settings.text('listen')),
        scanIntervalMs: settings.number('scan-interval'),
        brokerExpiryMs: settings.number('broker-expiry'),
      },
      network: bunNetwork,
      clock: systemClock,
      logger: nodeLogger(invocation, 'nameserver'),
    })
    return serve(invocation, { node, title: 'nameserver' })
  },
}
