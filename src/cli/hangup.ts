// SIGHUP has two meanings. Sent by somebody it says "read your configuration again"; sent by the system
// it says that the terminal a program was started in is gone, and a program that nobody can see or stop
// any more should end. What tells them apart is whether the terminal is still there.

import { closeSync, openSync, readFileSync } from 'node:fs'

/** Calls `onReload` for the first meaning and `onTerminalGone` for the second. */
export function onHangup(actions: { onReload: () => void; onTerminalGone: () => void }): void {
  // Started with nohup, or without a terminal: only the first meaning is left.
  const belongsToTerminal = hasTerminal() && !isHangupIgnored()
  process.on('SIGHUP', () => {
    if (belongsToTerminal && !hasTerminal()) actions.onTerminalGone()
    else actions.onReload()
  })
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/** As nohup leaves it. Known on Linux only; elsewhere a closed terminal ends the program. */
function isHangupIgnored(): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return mask !== undefined && (BigInt(`0x${mask}`) & 1n) === 1n
  } catch {
    return false
  }
}
