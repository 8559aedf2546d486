// {"table":{"name":"value"}}: how the protocol carries flat lists of settings and figures.

import { parseLenientObject } from './lenient-json.ts'
import { entries, jsonBody } from './route.ts'

export function encodeKvTable(table: ReadonlyMap<string, string>): Buffer {
  return jsonBody({ table: Object.fromEntries(table) })
}

export function decodeKvTable(body: Uint8Array): Map<string, string> {
  const table = entries(parseLenientObject(body)['table'])
  return new Map(table.map(([name, value]) => [name, String(value)]))
}
