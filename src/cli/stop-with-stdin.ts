// Programs that start `mq` hold its standard input open: when they are gone, even by kill -9, it ends,
// and so does what they started.

import type { Invocation } from './command.ts'
import type { OptionSpec } from './flags.ts'

export const STOP_WITH_STDIN_OPTION: OptionSpec = {
  flag: '--stop-with-stdin',
  help: 'stop when standard input ends, for programs that start this one',
}

/** Calls `stop` when standard input ends, if that was asked for. */
export function onStdinEnd(invocation: Invocation, stop: () => void): void {
  if (!invocation.flags.isSet('stop-with-stdin')) return
  process.stdin.on('end', stop).on('error', stop).on('close', stop).resume()
}
