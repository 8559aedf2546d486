// Goal: docs/PROTOCOL.md lists what the code knows, under the same numbers and names. Method: its
// tables are read and compared with codes.ts in both directions; "at" is compared with the handlers.

import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LANGUAGES, REQUEST, RESPONSE } from '../../src/remoting/codes.ts'

const ROOT = join(import.meta.dir, '../..')
const document = readFileSync(join(ROOT, 'docs/PROTOCOL.md'), 'utf8')

/** Rows "| number | name | …" of the section under this heading. */
function rows(heading: string): string[][] {
  const section = document.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section
    .split('\n')
    .filter((line) => /^\| \d+ \|/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

function table(heading: string): Record<string, number> {
  return Object.fromEntries(rows(heading).map(([code, name]) => [name, Number(code)]))
}

test('request codes', () => {
  expect(table('Request codes')).toEqual(REQUEST)
})

test('result codes', () => {
  expect(table('Result codes')).toEqual(RESPONSE)
})

test('languages', () => {
  for (const [code, name] of LANGUAGES.entries()) expect(document).toContain(`${name} ${code}`)
})

test('where each request is answered', () => {
  const sourcesOf = (folder: string): string =>
    readdirSync(join(ROOT, 'src', folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('\n')
  const handled = (source: string, name: string): boolean =>
    new RegExp(`\\[\\s*REQUEST\\.${name},`).test(source)
  const sources = { N: sourcesOf('nameserver'), B: sourcesOf('broker'), C: sourcesOf('client') }
  for (const [, name = '', , , at] of rows('Request codes')) {
    const places = Object.entries(sources)
      .filter(([, source]) => handled(source, name))
      .map(([place]) => place)
      .join(' ')
    expect(places || '–', name).toBe(at as string)
  }
})
