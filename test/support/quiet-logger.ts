// A logger whose lines a test can look at.

import type { Clock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'

export function recordingLogger(clock: Clock): { logger: Logger; lines: string[] } {
  const lines: string[] = []
  const sink = (line: string): void => void lines.push(line)
  return { logger: new Logger({ clock, sink, level: 'info', scope: 'test' }), lines }
}
