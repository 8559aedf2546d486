// The lanes of a picture: one per node, client or queue, with its windows on a common axis. Windows that
// are well are told apart by who they belong to; the others by how bad they are.
//
//   nameserver-1    |......[ 119 s lists broker-b … ]......|
//   order_consumer
//     broker-a:2    |[ c1        ][ 60 s c1, c2 ][ c1      ]|

import { escapeHtml as text } from './picture-text.ts'
import type { TimelineEvent, TimelineWindow } from './timeline.ts'
import { lasting } from './words.ts'

/** Of the axis, in percent: a window narrower than that has its words beside it. */
const NARROW = 9
/** Narrower than that there is no room for a length. */
const TINY = 4
/** Free space that words beside a window need. */
const BESIDE = 16
const TICKS_MAX = 8
const HUES = 4

interface Axis {
  fromMs: number
  spanMs: number
}

export function drawLanes(
  windows: readonly TimelineWindow[],
  events: readonly TimelineEvent[],
): string {
  if (windows.length === 0) return ''
  const marks = events.filter(({ tone }) => tone !== 'plain')
  const fromMs = Math.min(...windows.map((window) => window.fromMs), ...marks.map((m) => m.atMs))
  const toMs = Math.max(...windows.map((window) => window.toMs), fromMs + 1)
  // A little air on both sides, for what is written there.
  const airMs = (toMs - fromMs) * 0.02
  const axis = { fromMs: Math.round(fromMs - airMs), spanMs: toMs - fromMs + 2 * airMs }
  return `<section class="timeline" data-from="${axis.fromMs}" data-span="${Math.round(axis.spanMs)}">
  <h2>Timeline</h2>
  <div class="lanes">
    <div class="lane axis"><span class="name"></span><div class="track">${drawTicks(axis)}${drawPins(marks, axis)}</div></div>
${groupsOf(windows)
  .map((group) => drawGroup(group, axis))
  .join('\n')}
    <div class="overlay"><span class="name"></span><div class="track">${drawMarks(marks, axis)}<i class="cursor"><b></b></i></div></div>
  </div>
  <p class="legend"><i class="good hue-0"></i>well <i class="warn"></i>not as it should be <i class="bad"></i>failing, orphaned or done twice</p>
</section>`
}

interface LaneGroup {
  /** What all its lanes begin with; empty for a lane on its own. */
  name: string
  lanes: Map<string, TimelineWindow[]>
}

/** "order_consumer broker-a:0" is the lane broker-a:0 of the group order_consumer. */
function groupsOf(windows: readonly TimelineWindow[]): LaneGroup[] {
  const groups = new Map<string, LaneGroup>()
  for (const window of windows) {
    const space = window.lane.lastIndexOf(' ')
    const name = space < 0 ? '' : window.lane.slice(0, space)
    const lane = window.lane.slice(space + 1)
    const group = groups.get(name) ?? { name, lanes: new Map() }
    groups.set(name, group)
    group.lanes.set(lane, [...(group.lanes.get(lane) ?? []), window])
  }
  return [...groups.values()]
}

function drawGroup({ name, lanes }: LaneGroup, axis: Axis): string {
  const heading =
    name === ''
      ? ''
      : `    <div class="lane heading"><span class="name">${text(name)}</span></div>\n`
  const well = [...lanes.values()].flat().filter(({ tone }) => tone === 'good')
  const owners = [...new Set(well.map(({ title }) => title))].sort()
  const drawn = [...lanes].map(([lane, windows]) => {
    const sorted = [...windows].sort((a, b) => a.fromMs - b.fromMs)
    const spans = sorted.map((window, i) =>
      drawWindow(window, { axis, next: sorted[i + 1], hue: owners.indexOf(window.title) % HUES }),
    )
    return `    <div class="lane"><span class="name">${text(lane)}</span><div class="track">${spans.join('')}</div></div>`
  })
  return heading + drawn.join('\n')
}

function drawWindow(
  window: TimelineWindow,
  { axis, next, hue }: { axis: Axis; next: TimelineWindow | undefined; hue: number },
): string {
  const { title, tone, fromMs, toMs } = window
  const left = place(fromMs, axis)
  const width = place(toMs, axis) - left
  const words = `<b>${lasting(toMs - fromMs)}</b> ${text(title)}`
  const isNarrow = width < NARROW
  const roomTo = next === undefined ? 100 : place(next.fromMs, axis)
  const beside =
    isNarrow && roomTo - (left + width) > BESIDE
      ? `<em class="${tone}" style="left:${round(left + width)}%;width:${round(roomTo - left - width)}%">${words}</em>`
      : ''
  const hint = `${title}: ${lasting(toMs - fromMs)}, from ${lasting(fromMs)} to ${lasting(toMs)}`
  const style = `left:${round(left)}%;width:${round(width)}%`
  const colour = tone === 'good' ? `good hue-${Math.max(0, hue)}` : tone
  const length = `<b>${lasting(toMs - fromMs)}</b>`
  const inside = isNarrow ? (width < TINY || beside !== '' ? '' : length) : words
  return `<span class="window ${colour}" style="${style}" title="${text(hint)}">${inside}</span>${beside}`
}

/** Round steps, as many as there is room for. */
function drawTicks(axis: Axis): string {
  const rough = axis.spanMs / TICKS_MAX
  const power = 10 ** Math.floor(Math.log10(rough))
  const stepMs = ([1, 2, 5, 10].find((step) => step * power >= rough) ?? 10) * power
  const ticks: string[] = []
  for (let atMs = Math.ceil(axis.fromMs / stepMs) * stepMs; ; atMs += stepMs) {
    const left = place(atMs, axis)
    if (left > 98) return ticks.join('')
    ticks.push(`<i class="tick" style="left:${round(left)}%">${lasting(atMs)}</i>`)
  }
}

function drawPins(events: readonly TimelineEvent[], axis: Axis): string {
  return events
    .map(
      ({ atMs, title, tone, text: words }) =>
        `<i class="pin ${tone}" style="left:${round(place(atMs, axis))}%" title="${text(`${title}: ${words}`)}">${text(title)}</i>`,
    )
    .join('')
}

function drawMarks(events: readonly TimelineEvent[], axis: Axis): string {
  return events
    .map(
      ({ atMs, tone }) => `<i class="mark ${tone}" style="left:${round(place(atMs, axis))}%"></i>`,
    )
    .join('')
}

/** In percent of the axis. */
function place(atMs: number, { fromMs, spanMs }: Axis): number {
  return ((atMs - fromMs) / spanMs) * 100
}

function round(percent: number): string {
  return percent.toFixed(3)
}
