// A timeline as one self-contained HTML file: lanes with windows, facts beside what was expected, tables,
// events. Nothing is loaded from anywhere, and every text is escaped: names come from clusters.

import { drawLanes } from './picture-lanes.ts'
import { PICTURE_SCRIPT } from './picture-script.ts'
import { PICTURE_STYLE } from './picture-style.ts'
import { escapeHtml as text } from './picture-text.ts'
import type { Fact, Timeline, TimelineEvent, TimelineTable } from './timeline.ts'
import { lasting } from './words.ts'

/** The file may do nothing but show itself. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

export interface PictureOptions {
  title: string
  /** Where it was played. */
  place: string
  timeline: Pick<Timeline, 'entries' | 'facts' | 'windows'>
}

export function drawPicture({ title, place, timeline }: PictureOptions): string {
  const { entries, facts, windows } = timeline
  const events = entries.filter((entry) => entry.kind === 'event')
  const tables = entries.filter((entry) => entry.kind === 'table')
  const met = facts.filter(({ isMet }) => isMet).length
  const isGood = met === facts.length
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>${text(title)} · mq simulate</title>
<style>${PICTURE_STYLE}</style>
</head>
<body>
<header>
  <div>
    <h1>${text(title)}</h1>
    <p class="place">${text(place)}</p>
  </div>
  <p class="verdict ${isGood ? 'met' : 'missed'}">${met} of ${facts.length} expectations met</p>
</header>
${drawLanes(windows, events)}
<section>
  <h2>Expected and seen</h2>
  <ol class="facts">
${facts.map(drawFact).join('\n')}
  </ol>
</section>
${tables.map(drawTable).join('\n')}
<section>
  <h2>What happened</h2>
  <ol class="events">
${events.map(drawEvent).join('\n')}
  </ol>
</section>
<script>${PICTURE_SCRIPT}</script>
</body>
</html>
`
}

function drawFact({ requirement, title, expected, seen, isMet, atMs }: Fact): string {
  return `    <li class="${isMet ? 'met' : 'missed'}" data-at="${atMs}">
      <span class="mark" aria-label="${isMet ? 'met' : 'not met'}">${isMet ? '✓' : '✗'}</span>
      <span class="number">${text(requirement)}</span>
      <div>
        <h3>${text(title)} <time>${lasting(atMs)}</time></h3>
        <p class="seen">${text(seen)}</p>
        <p class="expected">expected: ${text(expected)}</p>
      </div>
    </li>`
}

function drawTable({ title, columns, rows }: TimelineTable): string {
  const head = columns.map((column) => `<th scope="col">${text(column)}</th>`).join('')
  const body = rows.map((row) => {
    const [first = '', ...rest] = row
    const cells = rest.map(
      (cell) => `<td${isNought(cell) ? ' class="nought"' : ''}>${text(grouped(cell))}</td>`,
    )
    return `      <tr><th scope="row">${text(String(first))}</th>${cells.join('')}</tr>`
  })
  return `<section>
  <h2>${text(title)}</h2>
  <div class="wide"><table>
    <thead><tr>${head}</tr></thead>
    <tbody>
${body.join('\n')}
    </tbody>
  </table></div>
</section>`
}

function drawEvent({ atMs, title, text: words, tone }: TimelineEvent): string {
  return `    <li class="${tone}" data-at="${atMs}"><time>${lasting(atMs)}</time><b>${text(title)}</b><span>${text(words)}</span></li>`
}

/** 11387 → 11,387. */
function grouped(cell: string | number): string {
  return typeof cell === 'string' ? cell : String(cell).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

function isNought(cell: string | number): boolean {
  return cell === 0 || cell === '-'
}
