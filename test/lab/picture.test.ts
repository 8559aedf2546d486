// Goal: a picture of a timeline shows what happened to whoever opens it, and does nothing else: every
// text is only text, nothing is fetched. Method: a real headless browser draws it, by day, by night and
// on a narrow screen, and is asked where things are.

import { describe, expect, test } from 'bun:test'
import { drawPicture } from '../../src/lab/picture.ts'
import type { TimelineEntry } from '../../src/lab/timeline.ts'
import { Timeline } from '../../src/lab/timeline.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { CHROMIUM, render } from '../support/chromium.ts'
import { play } from '../support/practice.ts'

const EVIL = `<script>document.title='taken'</script>"'&<img src=x onerror="document.title='taken'">`

/** Asks the page itself where its parts came to lie; only this test's copy carries the question. */
const MEASURE = `<script>
const box = (element) => { const b = element.getBoundingClientRect(); return [b.left, b.right, b.width, b.height].map(Math.round) }
const all = (selector) => [...document.querySelectorAll(selector)].map(box)
const fact = document.querySelector('.facts li')
fact.dispatchEvent(new PointerEvent('pointerenter'))
document.body.dataset.measured = JSON.stringify({
  tracks: all('.lane:not(.axis) .track'), windows: all('.window'), page: document.documentElement.scrollWidth,
  cursor: document.querySelector('.cursor b').textContent, ground: getComputedStyle(document.body).backgroundColor,
})
</script>`

interface Measured {
  tracks: number[][]
  windows: number[][]
  page: number
  cursor: string
  ground: string
}

function measured(dom: string): Measured {
  const text = /data-measured="([^"]*)"/.exec(dom)?.[1] ?? ''
  return JSON.parse(text.replaceAll('&quot;', '"')) as Measured
}

function evilTimeline(): Timeline {
  const timeline = new Timeline({ clock: new VirtualClock(), onEntry: () => {} })
  timeline.event(EVIL, EVIL, 'bad')
  timeline.fact({ requirement: EVIL, title: EVIL, expected: EVIL, seen: EVIL, isMet: false })
  timeline.window({ lane: EVIL, title: EVIL, fromMs: 0, toMs: 900, tone: 'bad' })
  timeline.window({ lane: `${EVIL} b`, title: EVIL, fromMs: 10, toMs: 20, tone: 'good' })
  timeline.table({ title: EVIL, columns: [EVIL, EVIL], rows: [[EVIL, EVIL]] })
  return timeline
}

test('every text is only text', () => {
  const html = drawPicture({ title: EVIL, place: EVIL, timeline: evilTimeline() })
  expect(html.split('<script>').length).toBe(2)
  expect(html).not.toContain('<img')
  expect(html).toContain(
    '&lt;script&gt;document.title=&#39;taken&#39;&lt;/script&gt;&quot;&#39;&amp;',
  )
})

test('nothing is fetched, and there is nothing to fetch', () => {
  const html = drawPicture({ title: 'x', place: 'y', timeline: evilTimeline() })
  expect(html).toContain("default-src 'none'")
  expect(html).not.toContain('://')
  expect(html).not.toMatch(/\b(src|href)="(?!data:,")|@import|url\(/)
})

test('a timeline without windows is a picture, too', () => {
  const entries: TimelineEntry[] = []
  const html = drawPicture({
    title: 'x',
    place: 'y',
    timeline: { entries, facts: [], windows: [] },
  })
  expect(html).toContain('0 of 0 expectations met')
  expect(html).not.toContain('class="timeline"')
})

if (CHROMIUM === null) {
  process.stdout.write('    the browser is skipped: there is no chromium here (Debian: chromium)\n')
}

describe.skipIf(CHROMIUM === null)('in a browser', () => {
  for (const [name, view] of [
    ['by day', { width: 1_500, height: 1_200 }],
    ['by night', { width: 1_500, height: 1_200, isDark: true }],
    ['on a narrow screen', { width: 500, height: 1_400 }],
  ] as const) {
    test(`${name}: lanes, windows, facts and sends are there and in their places`, async () => {
      const { timeline } = await play('split-view', { seed: 1 })
      const html = drawPicture({ title: 'split-view', place: 'virtual time, seed 1', timeline })
      const { dom, console, picture } = await render(
        html.replace('</body>', `${MEASURE}</body>`),
        view,
      )
      expect(console).toEqual([])
      for (const text of ['split-view', 'R14', 'order_consumer', 'broker-b:0', 'nobody', 'heal']) {
        expect(dom).toContain(text)
      }
      const { facts } = timeline
      expect(dom).toContain(`${facts.length} of ${facts.length} expectations met`)
      const { tracks, windows, page, cursor, ground } = measured(dom)
      expect(windows.length).toBe(timeline.windows.length)
      expect(page).toBeLessThanOrEqual(view.width)
      const [left = 0, right = 0] = tracks[0] ?? []
      for (const [from = 0, to = 0, width = 0, height = 0] of windows) {
        expect(from).toBeGreaterThanOrEqual(left - 1)
        expect(to).toBeLessThanOrEqual(right + 4)
        expect(width).toBeGreaterThanOrEqual(3)
        expect(height).toBeGreaterThan(15)
      }
      // The first fact's own moment is shown while the pointer is on it.
      expect(cursor).toBe(`${((facts[0]?.atMs ?? 0) / 1_000).toFixed(1)} s`)
      const isDark = 'isDark' in view
      const brightness = Number(/rgb\((\d+)/.exec(ground)?.[1])
      expect(brightness > 128).toBe(!isDark)
      // An empty page is a few kilobytes.
      expect(picture.length).toBeGreaterThan(40_000)
    }, 120_000)
  }

  test('names that would be code are shown as they are', async () => {
    const html = drawPicture({ title: 'x', place: EVIL, timeline: evilTimeline() })
    const { dom, console } = await render(html, { width: 1_200, height: 900 })
    expect(console).toEqual([])
    expect(dom).toContain('<title>x · mq simulate</title>')
    expect(dom).not.toContain('<img')
  }, 120_000)
})
