// Goal: a person can live a seed again, see what happened in it, and see a planted bug found. Method:
// the executable, short runs; equal traces from separate processes.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { jsonLines, lines, mq, mqOk } from '../support/cli.ts'

setDefaultTimeout(60_000)

interface Life {
  seed: number
  isOk: boolean
  trace: string
}

async function traces(): Promise<string[]> {
  const { text } = await mqOk(['sim', '--seed', '1', '--seeds', '20', '--json'])
  const lives = jsonLines<Life>(text)
  expect(lives.map(({ seed, isOk }) => `${seed} ${isOk}`)).toEqual(
    Array.from({ length: 20 }, (_, i) => `${i + 1} true`),
  )
  return lives.map(({ trace }) => trace)
}

test('same seed, same trace, across processes', async () => {
  const [first, second] = await Promise.all([traces(), traces()])
  expect(first).toEqual(second)
  expect(new Set(first).size).toBe(20)
})

test('the summary names seeds, faults, messages and invariants', async () => {
  const { text, stderr } = await mqOk(['sim', '--seed', '2', '--seeds', '2'])
  expect(stderr).toBe('')
  expect(text).toMatch(/^2 seeds, 2 to 3, in .* \(.* a second\)$/m)
  expect(text).toMatch(/of virtual time, \d+ events/)
  expect(text).toMatch(/\d+ messages sent, \d+ acknowledged, \d+ delivered/)
  expect(text).toMatch(/\d+ faults: /)
  expect(text).toMatch(/invariants: .*acknowledged-is-stored/)
})

test('--trace prints what happened, --faults and --work make it less', async () => {
  const words = ['sim', '--seed', '5', '--trace', '--work', '4s']
  const all = lines((await mqOk(words)).text).filter((line) => line.includes(' fault '))
  expect(all.length).toBeGreaterThan(0)
  const none = lines((await mqOk([...words, '--faults', 'none'])).text)
  expect(none.filter((line) => line.includes(' fault '))).toEqual([])
  expect(none.filter((line) => line.includes('up'))).not.toEqual([])
})

test('--for ends it, and a planted bug is found', async () => {
  const { text } = await mqOk(['sim', '--for', '1s'])
  expect(text).toMatch(/^(seed 1|\d+ seeds, 1 to \d+,) in /)
  const found = await mqOk(['sim', '--planted', 'commits-too-early'])
  expect(found.text).toMatch(/^found at seed 1, the first: .*committed-is-processed/)
})

test('wrong words are refused with the words that are right', async () => {
  const cases: [string[], string][] = [
    [['--planted', 'never-evict'], 'did you mean never-evicts?'],
    [['--faults', 'kill,quake'], 'there is no kind of fault "quake"'],
    [['--seed', 'x'], 'a whole number'],
  ]
  for (const [words, says] of cases) {
    const { stderr, exitCode } = await mq(['sim', ...words])
    expect(stderr).toContain(says)
    expect(exitCode).toBe(2)
  }
})

test('a bug that is not found in time is a failure', async () => {
  const words = ['sim', '--planted', 'never-evicts', '--seeds', '1', '--faults', 'none']
  const { stderr, exitCode } = await mq(words)
  expect(stderr).toContain('was not found within 1 seeds')
  expect(exitCode).toBe(1)
})
