// Where reading starts:  start | end | -100 | @-1h | @2024-05-01T10:00:00Z | 1234. Pure.

import { MqError } from '../core/errors.ts'

/** The words of `--from`, understood. Times are absolute: "an hour ago" is fixed when it is read. */
export type StartPosition =
  | { kind: 'start' }
  | { kind: 'end' }
  /** The last messages of each queue. */
  | { kind: 'last'; count: number }
  | { kind: 'time'; timestampMs: number }
  | { kind: 'offset'; offset: number }

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Throws USAGE naming the text and the forms there are. */
export function parseStartPosition(text: string, nowMs: number): StartPosition {
  const words = text.trim()
  if (words === 'start' || words === 'end') return { kind: words }
  const number = /^(?:offset[ :])?(-?\d{1,15})$/.exec(words)
  if (number !== null) {
    const value = Number(number[1])
    if (value >= 0 && !number[1]?.startsWith('-')) return { kind: 'offset', offset: value }
    if (value < 0 && !words.startsWith('offset')) return { kind: 'last', count: -value }
  }
  const timestampMs = words.startsWith('@') ? parseTime(words.slice(1), nowMs) : null
  if (timestampMs !== null) return { kind: 'time', timestampMs }
  throw new MqError('USAGE', `"${text}" is not a start position`, {
    hint: 'use start, end, -100 (the last 100 of each queue), @-1h, @2024-05-01T10:00:00Z, or an offset',
  })
}

/** "-90m", milliseconds since the epoch, or an ISO date with or without a time. */
function parseTime(text: string, nowMs: number): number | null {
  const ago = /^-(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  if (ago !== null) return Math.max(0, nowMs - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0))
  if (/^\d{11,15}$/.test(text)) return Number(text)
  const parsed = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(parsed) ? null : Math.max(0, parsed)
}

export interface QueueBounds {
  minOffset: number
  /** One past the last message. */
  maxOffset: number
}

/**
 * The offset to begin at, always within the queue. `timeOffset` is the first message stored at or
 * after the wanted time, asked of the broker beforehand; only `time` needs it.
 */
export function resolveStart(
  position: StartPosition,
  bounds: QueueBounds,
  timeOffset: number | null,
): number {
  const within = (offset: number): number =>
    Math.min(bounds.maxOffset, Math.max(bounds.minOffset, offset))
  switch (position.kind) {
    case 'start':
      return bounds.minOffset
    case 'end':
      return bounds.maxOffset
    case 'last':
      return within(bounds.maxOffset - position.count)
    case 'offset':
      return within(position.offset)
    case 'time':
      return within(timeOffset ?? bounds.maxOffset)
  }
}
