// A node as a process: one `ready` line on stdout when it serves, diagnostics on stderr, its configuration
// read again on SIGHUP, and a clean stop on SIGTERM, on SIGINT, or when the program or the terminal that
// started it is gone.

import { systemClock } from '../core/clock.ts'
import { EXIT, type MqError } from '../core/errors.ts'
import { Logger } from '../core/logger.ts'
import { formatAddress } from '../remoting/address.ts'
import type { HostPort } from '../remoting/network.ts'
import type { Invocation } from './command.ts'
import { logLevel, type Settings } from './context.ts'
import type { OptionSpec } from './flags.ts'
import { onHangup } from './hangup.ts'
import { NodeFailed } from './node-failure.ts'
import type { NodeSettings } from './node-settings.ts'
import { ReaderGone } from './output.ts'
import { onStdinEnd, STOP_WITH_STDIN_OPTION } from './stop-with-stdin.ts'

/** A stop that takes longer than this is a hang: what was acknowledged is on disk anyway. */
const STOP_LIMIT_MS = 20_000

export const NODE_OPTIONS: readonly OptionSpec[] = [STOP_WITH_STDIN_OPTION]

export interface Node {
  start(): Promise<HostPort>
  stop(): Promise<void>
}

export function nodeLogger(settings: Settings, scope: string): Logger {
  return new Logger({
    clock: systemClock,
    sink: (line) => process.stderr.write(`${line}\n`),
    level: logLevel(settings),
    scope,
  })
}

export interface ServeOptions {
  node: Node
  /** "nameserver" or "broker broker-a": what the ready line says it is. */
  title: string
  settings: NodeSettings
  /** Settles if the node fails while it runs. */
  failed?: Promise<MqError>
}

/** Starts the node, says so, and stops it when asked to. Resolves with the exit code. */
export async function serve(invocation: Invocation, options: ServeOptions): Promise<number> {
  const { node, title, settings } = options
  const starting = node.start()
  // A signal that comes while the node starts is not lost, nor does it end the process.
  const stopped = stopRequest(invocation, () => {
    starting.then(
      () => void settings.reload(),
      () => {},
    )
  })
  const address = await starting
  try {
    invocation.output.line(`ready ${title} ${formatAddress(address)}`)
  } catch (error) {
    // A node goes on without anybody who reads its first line.
    if (!(error instanceof ReaderGone)) throw error
  }
  const failure = await Promise.race([stopped, options.failed ?? new Promise(() => {})])
  if (failure !== null) throw new NodeFailed(failure as MqError)
  const timer = systemClock.after(STOP_LIMIT_MS, () => process.exit(EXIT.timedOut))
  settings.stop()
  await node.stop()
  timer.cancel()
  return EXIT.ok
}

function stopRequest(invocation: Invocation, onReload: () => void): Promise<null> {
  return new Promise((resolve) => {
    onHangup({ onReload, onTerminalGone: () => resolve(null) })
    invocation.interruption.onReceived(() => resolve(null))
    onStdinEnd(invocation, () => resolve(null))
  })
}
