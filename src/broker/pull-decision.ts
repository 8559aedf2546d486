// What a pull at an offset means, given the bounds of its queue. Pure. The bounds are those of what is
// committed: [min, max).

export type PullDecision =
  /** There is something to read at the offset. */
  | { kind: 'read' }
  /** The offset is the end: wait, or say that there is nothing. */
  | { kind: 'wait' }
  /** The consumer must go on elsewhere. */
  | { kind: 'moved'; nextOffset: number }

export function decidePull(pull: {
  offset: number
  minOffset: number
  maxOffset: number
  /** The broker had another topic of this name before: what is past the end is an offset in that one. */
  isAnew: boolean
}): PullDecision {
  const { offset, minOffset, maxOffset, isAnew } = pull
  // The end comes first: it is also the start of a queue whose messages were all retired.
  if (offset === maxOffset) return { kind: 'wait' }
  if (offset > maxOffset) return { kind: 'moved', nextOffset: isAnew ? minOffset : maxOffset }
  if (offset < minOffset) return { kind: 'moved', nextOffset: minOffset }
  return { kind: 'read' }
}
