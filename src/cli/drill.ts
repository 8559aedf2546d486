// `mq drill`: the default numbers of a cluster's liveness in real time, on real processes: what the
// simulation shows in milliseconds, once with a clock on the wall.

import { systemClock } from '../core/clock.ts'
import { EXIT, MqError } from '../core/errors.ts'
import { JSON_OPTION } from './client-session.ts'
import type { Command } from './command.ts'
import { Drill } from './drill-run.ts'
import { temporaryFolder } from './exit-duty.ts'
import { LocalCluster, planNodes } from './local-cluster.ts'
import { Timeline } from './timeline.ts'

export const drill: Command = {
  usage: '',
  summary: 'Measures heartbeat, scan, expiry and route pull of a throw-away cluster in real time.',
  examples: [{ command: 'mq drill', does: 'two minutes, nothing is shortened' }],
  options: [JSON_OPTION],
  timeLimit: 'Four minutes; exit code 1 if a number was not what it should be.',
  notes: [
    'Two nameservers and three brokers in a temporary folder. One broker is stopped with SIGSTOP and must',
    'be evicted after 120 s of silence, another with SIGKILL and must be gone at once.',
  ],
  async run(invocation) {
    const { output, progress, flags } = invocation
    const folder = temporaryFolder('mq-drill-')
    const onLine = (name: string, line: string): void => {
      if (flags.isSet('verbose')) invocation.note(`${name} | ${line}`)
    }
    try {
      const cluster = await LocalCluster.start({
        folder: folder.path,
        nodes: [...planNodes('nameserver', [0, 0]), ...planNodes('broker', [0, 0])],
        logLevel: 'warn',
        onLine,
      })
      try {
        const timeline = new Timeline({
          output,
          clock: systemClock,
          clearProgress: () => progress.clear(),
        })
        await new Drill({ invocation, cluster, timeline, onLine }).run()
        if (output.isJson) for (const fact of timeline.facts) output.object(fact)
        const missed = timeline.facts.filter(({ isMet }) => !isMet).map(({ title }) => title)
        if (missed.length === 0) return invocation.interruption.exitCode ?? EXIT.ok
        throw new MqError(
          'INTERNAL',
          `${missed.length} of ${timeline.facts.length} numbers are not as they should be: ${missed.join(', ')}`,
          {
            hint: 'a machine that is very busy delays timers: look at its load and run mq drill again',
          },
        )
      } finally {
        progress.stop()
        await cluster.stop()
      }
    } finally {
      folder.remove()
    }
  },
}
