// The recorded frames of test/golden, each with what its note says about it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface GoldenFrame {
  file: string
  line: number
  from: 'client' | 'server'
  peer: string
  bytes: Buffer
  note: string
  /** The request's code, or of an answer the code of the request it answers. */
  requestCode: number
  /** Null on a request. */
  resultCode: number | null
}

const FOLDER = join(import.meta.dir, '../golden')

export function goldenFrames(): GoldenFrame[] {
  const frames: GoldenFrame[] = []
  for (const file of readdirSync(FOLDER)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()) {
    readFileSync(join(FOLDER, file), 'utf8')
      .split('\n')
      .forEach((text, index) => {
        if (text !== '') frames.push(parseLine(file, index + 1, text))
      })
  }
  return frames
}

function parseLine(file: string, line: number, text: string): GoldenFrame {
  const record = JSON.parse(text) as {
    from: 'client' | 'server'
    peer: string
    hex: string
    note: string
  }
  const answer = /: answer (\d+) to (\d+)$/.exec(record.note)
  const request = /: (?:json|binary) request (\d+)/.exec(record.note)
  return {
    file,
    line,
    from: record.from,
    peer: record.peer,
    bytes: Buffer.from(record.hex, 'hex'),
    note: record.note,
    requestCode: Number(answer?.[2] ?? request?.[1]),
    resultCode: answer === null ? null : Number(answer[1]),
  }
}
