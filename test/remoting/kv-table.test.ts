// Goal: flat tables survive the wire, whatever their names are. Method: decode(encode(x)) = x.

import { expect, test } from 'bun:test'
import { decodeKvTable, encodeKvTable } from '../../src/remoting/kv-table.ts'

test('names and values are text both ways', () => {
  const table = new Map([
    ['k', 'v'],
    ['__proto__', 'x'],
    ['', ''],
    ['"quoted"', 'a\nb'],
  ])
  expect(decodeKvTable(encodeKvTable(table))).toEqual(table)
  expect(encodeKvTable(new Map([['k', 'v']])).toString()).toBe('{"table":{"k":"v"}}')
  expect(decodeKvTable(Buffer.from('{"table":{"n":5}}'))).toEqual(new Map([['n', '5']]))
  expect(decodeKvTable(Buffer.from('{}')).size).toBe(0)
})
