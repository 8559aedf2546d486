// Goal: an id is new once, across processes, restarts and crashes between printing and committing.
// Method: real files; two handles stand for two processes.

import { afterAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { MqError } from '../../src/core/errors.ts'
import { SeenIds } from '../../src/store/seen-ids.ts'
import { openDatabase } from '../../src/store/sqlite.ts'
import { TempFolder } from '../support/cli.ts'

const folder = new TempFolder('seen-ids')
afterAll(() => folder.remove())
let count = 0
const newPath = (): string => folder.join(`${++count}.db`)

function addAll(ids: SeenIds, wanted: readonly string[]): boolean[] {
  ids.begin()
  const news = wanted.map((id) => ids.add(id))
  ids.commit()
  return news
}

test('an id is new once, for whoever opens the file', () => {
  const path = newPath()
  const [first, second] = [SeenIds.open(path), SeenIds.open(path)]
  expect(addAll(first, ['a', 'b', 'a'])).toEqual([true, true, false])
  expect(addAll(second, ['b', 'c'])).toEqual([false, true])
  first.close()
  second.close()
  const third = SeenIds.open(path)
  expect(addAll(third, ['a', 'b', 'c', 'd'])).toEqual([false, false, false, true])
  third.close()
})

test('what was not committed is new again', () => {
  const path = newPath()
  const ids = SeenIds.open(path)
  ids.begin()
  expect(ids.add('a')).toBe(true)
  ids.rollback()
  ids.begin()
  expect(ids.add('b')).toBe(true)
  ids.remove('b')
  ids.commit()
  expect(addAll(ids, ['a', 'b'])).toEqual([true, true])
  ids.close()
})

test('somebody else’s file is refused and left as it was', () => {
  const other = newPath()
  const db = openDatabase(other)
  db.exec('CREATE TABLE accounts (name TEXT)')
  db.close()
  expect(() => SeenIds.open(other)).toThrow(/it is another database/)
  const text = newPath()
  writeFileSync(text, 'not a database at all, but long enough to be looked at by SQLite')
  for (const path of [text, folder.join('no', 'such', 'folder.db')]) {
    expect(() => SeenIds.open(path)).toThrow(MqError)
  }
})
