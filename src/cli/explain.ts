// `mq explain CODE`: what an error, a result code of the wire or an exit code means, what usually causes
// it, and what to do.

import { ERROR_EXPLANATIONS, type Explanation } from '../core/error-explanations.ts'
import { ERRORS, type ErrorCode, EXIT, MqError } from '../core/errors.ts'
import { RESPONSE } from '../remoting/codes.ts'
import { RESULT_EXPLANATIONS } from '../remoting/result-explanations.ts'
import { wireCode } from '../remoting/wire-errors.ts'
import { JSON_OPTION } from './client-session.ts'
import type { Command } from './command.ts'
import { EXIT_EXPLANATIONS } from './exit-explanations.ts'
import type { Column, Output } from './output.ts'
import { nearest } from './suggest.ts'

interface Explained extends Explanation {
  kind: 'error' | 'result' | 'exit'
  /** "TOPIC_NOT_FOUND", "topicNotExist" or "exit 3". */
  name: string
  exitCode: number | null
  wireCode: number | null
}

export const explain: Command = {
  usage: '[code]',
  summary: 'Says what an error means, what usually causes it, and what to do.',
  examples: [
    { command: 'mq explain TOPIC_NOT_FOUND', does: 'the code an error message ends with' },
    { command: 'mq explain 17', does: 'a result code of the protocol, or an exit code' },
    { command: 'mq explain', does: 'all of them, in one line each' },
  ],
  options: [JSON_OPTION],
  timeLimit: 'Asks nobody.',
  async run({ args, output }) {
    const wanted = args[0]
    const all = everything()
    const found = wanted === undefined ? all : all.filter((entry) => isMeant(entry, wanted))
    if (found.length === 0) throw unknownCode(wanted ?? '', all)
    if (output.isJson) for (const entry of found) output.object(entry)
    else if (wanted === undefined) output.rows(COLUMNS, found)
    else for (const [at, entry] of found.entries()) print(output, entry, at > 0)
    return EXIT.ok
  },
}

function everything(): Explained[] {
  const errors = Object.entries(ERROR_EXPLANATIONS).map(([name, explanation]): Explained => {
    const code = name as ErrorCode
    const { exit } = ERRORS[code]
    return {
      kind: 'error',
      name,
      exitCode: exit,
      wireCode: wireCode(new MqError(code, '')),
      ...explanation,
    }
  })
  const results = Object.entries(RESULT_EXPLANATIONS).map(([name, explanation]): Explained => {
    const number = RESPONSE[name as keyof typeof RESPONSE]
    return { kind: 'result', name, exitCode: null, wireCode: number, ...explanation }
  })
  const exits = [...EXIT_EXPLANATIONS].map(
    ([code, explanation]): Explained => ({
      kind: 'exit',
      name: `exit ${code}`,
      exitCode: code,
      wireCode: null,
      ...explanation,
    }),
  )
  return [...errors, ...results, ...exits]
}

/** A number may be a result code or an exit code; a name is one thing. */
function isMeant({ kind, name, exitCode, wireCode: number }: Explained, wanted: string): boolean {
  if (/^\d+$/.test(wanted)) {
    return kind === 'result'
      ? number === Number(wanted)
      : kind === 'exit' && exitCode === Number(wanted)
  }
  return name.toLowerCase() === wanted.toLowerCase()
}

const COLUMNS: readonly Column<Explained>[] = [
  { title: 'code', value: (row) => row.name },
  { title: 'exit', value: (row) => String(row.exitCode ?? '-'), align: 'right' },
  { title: 'wire', value: (row) => String(row.wireCode ?? '-'), align: 'right' },
  { title: 'means', value: (row) => row.means },
]

function print(output: Output, entry: Explained, isNext: boolean): void {
  const { palette } = output
  const numbers = [
    entry.kind === 'result' ? `result code ${entry.wireCode} of the protocol` : '',
    entry.kind === 'error' ? `exit code ${entry.exitCode}, on the wire ${entry.wireCode}` : '',
    entry.kind === 'exit' ? 'how a command ended' : '',
  ].filter(Boolean)
  if (isNext) output.line('')
  output.line(`${palette.bold(entry.name)} (${numbers.join(', ')})`)
  output.line(`  ${entry.means}`)
  if (entry.causes.length > 0) output.line(palette.dim('  mostly because:'))
  for (const cause of entry.causes) output.line(`    - ${cause}`)
  output.line(`  ${palette.cyan('try:')} ${entry.fix}`)
}

function unknownCode(wanted: string, all: readonly Explained[]): MqError {
  const names = all.map(({ name }) => name)
  const meant = nearest(wanted.toUpperCase(), names)
  const question = meant === null ? '' : `, did you mean ${meant}?`
  return new MqError('USAGE', `there is no code "${wanted}"${question}`, {
    hint: meant === null ? 'mq explain lists them all' : `mq explain ${meant}`,
  })
}
