// The demo's input: a JSON array of records, by default flights from npm's vega-datasets.

import { readFileSync } from 'node:fs'
import { describeError, MqError } from '../core/errors.ts'
import type { DemoRecord } from './demo-ledger.ts'

export const DATA_SET = 'node_modules/vega-datasets/data/flights-20k.json'

/** One record per element, as JSON, with the text of `keyField` as its key. */
export function readRecords(path: string, keyField: string): DemoRecord[] {
  const records = parse(path)
  if (records.length === 0) throw unusable(path, 'it has no records')
  return records.map((record, index): DemoRecord => {
    const key: unknown =
      typeof record === 'object' && record !== null ? field(record, keyField) : null
    if (typeof key !== 'string' && typeof key !== 'number') {
      const fields = typeof record === 'object' && record !== null ? Object.keys(record) : []
      throw unusable(path, `record ${index + 1} has no "${keyField}" among ${fields.join(', ')}`)
    }
    return { key: String(key), body: JSON.stringify(record) }
  })
}

function field(record: object, name: string): unknown {
  return (record as Record<string, unknown>)[name]
}

function parse(path: string): unknown[] {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw unusable(path, describeError(cause), cause)
  }
  if (!Array.isArray(value)) throw unusable(path, 'it is not a JSON array')
  return value
}

function unusable(path: string, why: string, cause?: unknown): MqError {
  return new MqError('USAGE', `cannot use the data set ${path}: ${why}`, {
    hint: 'mq demo --data-set FILE.json --key-field FIELD (a JSON array of records)',
    cause,
  })
}
