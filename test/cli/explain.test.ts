// Goal: every error the product can print is explained, and errors name the code to ask for. Method: all
// codes there are, through the tables and the executable.

import { expect, test } from 'bun:test'
import { EXIT_EXPLANATIONS } from '../../src/cli/exit-explanations.ts'
import { EXIT_DISK_FAILED } from '../../src/cli/node-failure.ts'
import { ERROR_EXPLANATIONS } from '../../src/core/error-explanations.ts'
import { ERRORS, EXIT } from '../../src/core/errors.ts'
import { RESPONSE } from '../../src/remoting/codes.ts'
import { RESULT_EXPLANATIONS } from '../../src/remoting/result-explanations.ts'
import { jsonLines, lines, mq } from '../support/cli.ts'

interface Explained {
  kind: string
  name: string
  exitCode: number | null
  wireCode: number | null
  means: string
  causes: string[]
  fix: string
}

test('every code of the tables is explained, in whole sentences, with a next step', () => {
  expect(Object.keys(ERROR_EXPLANATIONS).sort()).toEqual(Object.keys(ERRORS).sort())
  expect(Object.keys(RESULT_EXPLANATIONS).sort()).toEqual(Object.keys(RESPONSE).sort())
  const exits = [...Object.values(EXIT), EXIT_DISK_FAILED, 130, 143]
  expect([...EXIT_EXPLANATIONS.keys()].sort()).toEqual(exits.sort())
  for (const [name, { means, causes, fix }] of [
    ...Object.entries(ERROR_EXPLANATIONS),
    ...Object.entries(RESULT_EXPLANATIONS),
  ]) {
    expect(means, name).toMatch(/^[A-Z].*\.$/)
    expect(fix, name).toMatch(/\.$/)
    for (const cause of causes) expect(cause, name).toMatch(/^[a-zA-Z].*[^.]$/)
  }
})

test('every code is answered by the executable, by name or number', async () => {
  const all = jsonLines<Explained>((await mq(['explain', '--json'])).text)
  for (const code of Object.keys(ERRORS)) {
    expect(all.find((entry) => entry.kind === 'error' && entry.name === code)).toBeDefined()
  }
  for (const code of Object.values(RESPONSE)) {
    expect(all.find((entry) => entry.kind === 'result' && entry.wireCode === code)).toBeDefined()
  }
  for (const code of EXIT_EXPLANATIONS.keys()) {
    expect(all.find((entry) => entry.kind === 'exit' && entry.exitCode === code)).toBeDefined()
  }
})

test('a name, in any case', async () => {
  const { text, exitCode } = await mq(['explain', 'topic_not_found'])
  expect(exitCode).toBe(0)
  expect(text).toContain('TOPIC_NOT_FOUND (exit code 3, on the wire 17)')
  expect(text).toContain('mq topic create')
})

test('a number that is two things is both', async () => {
  const found = jsonLines<Explained>((await mq(['explain', '3', '--json'])).text)
  expect(found.map(({ name }) => name)).toEqual(['notSupported', 'exit 3'])
})

test('a code that does not exist: which was meant', async () => {
  const { stderr, exitCode } = await mq(['explain', 'TOPIC_NOT_FOND'])
  expect(exitCode).toBe(2)
  expect(stderr).toContain('did you mean TOPIC_NOT_FOUND?')
  expect(stderr).toContain('try: mq explain TOPIC_NOT_FOUND')
})

test('an error ends with its code; a wrong word explains itself', async () => {
  const unreachable = await mq(['topic', 'list', '--nameservers', '127.0.0.1:1'])
  expect(lines(unreachable.stderr)[0]).toMatch(/^error: .* \((UNREACHABLE|CONNECTION_CLOSED)\)$/)
  const wrong = await mq(['topicc'])
  expect(lines(wrong.stderr)[0]).toMatch(/^error: .*"mq topic"\?$/)
})
