// Which segments are over the limits of age and size: pure, oldest first.

import type { SegmentInfo } from './append-log.ts'

export interface RetentionLimits {
  ageMsMax: number
  bytesMax: number
}

/**
 * Whether the oldest segment may go. The active one never does, however old or large: the log is
 * appended to it, and a snapshot in it is what makes the older ones dispensable.
 */
export function isOldestRetired(
  segments: readonly SegmentInfo[],
  limits: RetentionLimits,
  nowMs: number,
): boolean {
  const oldest = segments[0]
  if (oldest === undefined || segments.length < 2) return false
  if (oldest.newestStoreTimeMs < nowMs - limits.ageMsMax) return true
  let bytes = 0
  for (const segment of segments) bytes += segment.bytes
  return bytes > limits.bytesMax
}
