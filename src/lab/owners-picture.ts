// Who owned each queue when, as windows: one lane per queue, red where nobody or more than one did.

import type { LoadGroup } from './load-group.ts'
import type { Stage } from './stage.ts'
import { listed } from './words.ts'

interface Change {
  atMs: number
  member: string
  queues: ReadonlySet<string>
}

export function drawOwners(
  stage: Stage,
  group: LoadGroup,
  options: { fromMs: number; untilMs: number },
): void {
  const changes = group.assignments.map(
    ({ member, fromMs, queues }): Change => ({ atMs: fromMs, member, queues: new Set(queues) }),
  )
  const names = [...new Set(changes.flatMap(({ queues }) => [...queues]))].sort()
  for (const queue of names) drawQueue(stage, { group: group.group, queue, changes }, options)
}

function drawQueue(
  { timeline }: Stage,
  of: { group: string; queue: string; changes: readonly Change[] },
  options: { fromMs: number; untilMs: number },
): void {
  const owners = new Set<string>()
  let fromMs: number | null = null
  let title = ''
  const close = (toMs: number): void => {
    // How the members joined is another story.
    if (fromMs === null || toMs <= options.fromMs) return
    timeline.window({
      lane: `${of.group} ${of.queue}`,
      title,
      fromMs: timeline.at(Math.max(fromMs, options.fromMs)),
      toMs: timeline.at(toMs),
      tone: title === NOBODY || title.includes(',') ? 'bad' : 'good',
    })
  }
  for (const { atMs, member, queues } of of.changes) {
    if (queues.has(of.queue)) owners.add(member)
    else owners.delete(member)
    // Before its first owner a queue is not orphaned but new.
    const now = owners.size === 0 ? NOBODY : listed([...owners].sort())
    if (now === title || (fromMs === null && owners.size === 0)) continue
    close(atMs)
    fromMs = atMs
    title = now
  }
  // A queue that nobody owns in the end is gone, not orphaned.
  if (title !== NOBODY) close(options.untilMs)
}

const NOBODY = 'nobody'
