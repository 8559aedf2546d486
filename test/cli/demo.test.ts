// Goal: the demo accounts for every record and says so. Method: the executable with a small data set.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { jsonLines, mq, TempFolder } from '../support/cli.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let folder: TempFolder

beforeAll(() => {
  folder = new TempFolder('demo')
  const records = Array.from({ length: 4_000 }, (_, n) => ({
    n,
    origin: `A${n % 37}`,
    text: 'ü\t"\\',
  }))
  writeFileSync(folder.join('records.json'), JSON.stringify(records))
})
afterAll(() => folder.remove())

const words = (data: string) => [
  'demo',
  ...['--data-set', folder.join('records.json'), '--data', folder.join(data)],
  ...['--passes', '2', '--rate', '2000'],
]

interface Result {
  isPassed: boolean
  sent: number
  received: number
  lost: number
  wrong: number
  outOfOrder: number
  phases: { title: string; ms: number }[]
  files: string[]
}

test('a kill and a stop under load: nothing lost, nothing changed, every key in order', async () => {
  const { text, stderr, exitCode } = await mq([...words('data'), '--json'])
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  const [result] = jsonLines<Result>(text)
  expect(result).toMatchObject({
    isPassed: true,
    sent: 8_000,
    received: 8_000,
    lost: 0,
    wrong: 0,
    outOfOrder: 0,
  })
  const titles = result?.phases.map((phase) => phase.title) ?? []
  for (const title of ['start the cluster', 'kill -9 broker-b', 'stop broker-a', 'drain']) {
    expect(titles).toContain(title)
  }
  for (const file of result?.files ?? ['none']) expect(existsSync(file)).toBe(true)
})

test('the story names what happened and where the files are; the folder is used again', async () => {
  const { text, exitCode } = await mq(words('data'))
  expect(exitCode).toBe(0)
  for (const part of [
    'kill -9',
    'evicted',
    'restart',
    '0 lost',
    'sqlite3 -readonly',
    'broker-a/',
  ]) {
    expect(text).toContain(part)
  }
})

test('a folder with something else in it is left alone', async () => {
  mkdirSync(folder.join('mine'))
  writeFileSync(folder.join('mine', 'precious'), '')
  const { exitCode, stderr } = await mq(words('mine'))
  expect(stderr).toContain('is not empty and not of an earlier demo')
  expect(exitCode).toBe(1)
  expect(existsSync(folder.join('mine', 'precious'))).toBe(true)
})
