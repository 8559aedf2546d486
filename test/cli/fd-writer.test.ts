// Goal: everything written leaves in order before `flushed` resolves, a slow reader makes the writer
// wait, and a reader that is gone is noticed. Method: a real pipe to a program that reads as told.

import { expect, test } from 'bun:test'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { FdWriter } from '../../src/cli/fd-writer.ts'
import { TempFolder } from '../support/cli.ts'

/** A file descriptor of a pipe that `command` reads from. */
function pipeTo(folder: TempFolder, command: string): { fd: number; exited: Promise<number> } {
  const fifo = folder.join('pipe')
  Bun.spawnSync(['mkfifo', fifo])
  const child = Bun.spawn(['sh', '-c', command], { env: { ...process.env, FIFO: fifo } })
  return { fd: openSync(fifo, 'w'), exited: child.exited }
}

test('what was written is there, in order, when flushed resolves', async () => {
  const folder = new TempFolder('fd')
  const fd = openSync(folder.join('file'), 'w')
  const writer = new FdWriter(fd)
  let expected = ''
  for (let i = 0; i < 5_000; i++) {
    const text = `${i} ${'x'.repeat(i % 500)}\n`
    expected += text
    writer.write(Buffer.from(text))
  }
  await writer.flushed()
  expect(readFileSync(folder.join('file'), 'utf8')).toBe(expected)
  closeSync(fd)
  folder.remove()
})

test('a slow reader holds `drained` back and loses nothing', async () => {
  const folder = new TempFolder('fd')
  const out = folder.join('out')
  const { fd, exited } = pipeTo(folder, `exec <"$FIFO"; sleep 0.3; exec cat >'${out}'`)
  const writer = new FdWriter(fd)
  const chunk = Buffer.alloc(64 * 1024, 'y')
  for (let i = 0; i < 64; i++) writer.write(chunk)
  let isDrained = false
  const drained = writer.drained().then(() => {
    isDrained = true
  })
  await Promise.resolve()
  expect(isDrained).toBe(false)
  await drained
  await writer.flushed()
  closeSync(fd)
  expect(await exited).toBe(0)
  expect(readFileSync(out).length).toBe(64 * chunk.length)
  folder.remove()
})

test('a reader that is gone is an error once, and writing goes on without effect', async () => {
  const folder = new TempFolder('fd')
  const { fd, exited } = pipeTo(folder, 'exec <"$FIFO"; exit 0')
  await exited
  const writer = new FdWriter(fd)
  const codes: unknown[] = []
  writer.onError = (error) => codes.push('code' in error ? error.code : error)
  writer.write(Buffer.from('x'))
  await writer.flushed()
  writer.write(Buffer.from('y'))
  await writer.flushed()
  expect(codes).toEqual(['EPIPE'])
  expect(writer.error).not.toBe(null)
  closeSync(fd)
  folder.remove()
})
