// Goal: a signal that arrives twice, as `timeout` sends it, is one request to stop; a second one of a
// person ends the process at once, and even then temporary folders go and duties are done. Method: a
// process that never stops by itself and repeats its first signal, and what it leaves behind.

import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const SOURCES = join(import.meta.dir, '../../src/cli')
const PROGRAM = `
  import { Interruption } from '${SOURCES}/interruption.ts'
  import { beforeExit, temporaryFolder } from '${SOURCES}/exit-duty.ts'
  const folder = temporaryFolder('mq-test-duty-')
  const forgotten = temporaryFolder('mq-test-duty-')
  forgotten.remove()
  beforeExit(() => console.log('duty done'))
  beforeExit(() => console.log('never'))()
  const interruption = new Interruption()
  interruption.listen()
  interruption.onReceived(() => process.kill(process.pid, 'SIGTERM'))
  let heard = 0
  process.on('SIGTERM', () => console.log('heard', ++heard))
  console.log(folder.path, forgotten.path)
  setInterval(() => {}, 1000)
`

test('a doubled signal is one; another one ends the process, its duties done', async () => {
  const child = Bun.spawn([process.execPath, '-e', PROGRAM], { stdout: 'pipe', stderr: 'inherit' })
  const reader = child.stdout.getReader()
  let output = ''
  const until = async (text: string): Promise<void> => {
    while (!output.includes(text)) {
      const { value, done } = await reader.read()
      if (done) return
      output += new TextDecoder().decode(value)
    }
  }
  await until('\n')
  const [path = '', forgotten = ''] = output.trim().split(' ')
  expect([existsSync(path), existsSync(forgotten)]).toEqual([true, false])

  child.kill('SIGTERM')
  await until('heard 2')
  child.kill('SIGINT')
  expect(await child.exited).toBe(130)
  await until('never')
  expect(output).toContain('duty done')
  expect(output).not.toContain('never')
  expect(existsSync(path)).toBe(false)
})
