// Goal: the process that listens on a port is found with its CPU time, and what is not there is null.
// Method: this very process.

import { expect, test } from 'bun:test'
import { cpuTimeMs, findListener } from '../../src/cli/local-process.ts'

test('the listener of a port is found, whatever of this machine’s names is used', () => {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  for (const host of ['127.0.0.1', 'localhost']) {
    expect(findListener({ host, port: server.port })).toBe(process.pid)
  }
  expect(findListener({ host: '192.0.2.1', port: server.port })).toBe(null)
  const { port } = server
  server.stop(true)
  expect(findListener({ host: '127.0.0.1', port })).toBe(null)
})

test('a port is not enough: others listen on it at other addresses', async () => {
  const child = Bun.spawn(
    [
      process.execPath,
      '-e',
      `const { port } = Bun.listen({ hostname: '127.0.0.2', port: 0, socket: { data() {} } })
       console.log(port)
       process.stdin.on('end', () => process.exit()).resume()`,
    ],
    { stdin: 'pipe', stdout: 'pipe', env: { ...process.env, BUN_BE_BUN: '1' } },
  )
  const { value } = await child.stdout.getReader().read()
  const port = Number(new TextDecoder().decode(value))
  const here = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } })
  expect(findListener({ host: '127.0.0.2', port })).toBe(child.pid)
  expect(findListener({ host: '127.0.0.1', port })).toBe(process.pid)
  expect(findListener({ host: '127.0.0.3', port })).toBe(null)
  here.stop(true)
  expect(findListener({ host: '127.0.0.1', port })).toBe(null)
  child.stdin.end()
  await child.exited
})

test('the listener of any address, and those of the sixth version, are found', () => {
  for (const [hostname, host] of [
    ['0.0.0.0', '127.0.0.1'],
    ['::', '127.0.0.1'],
    ['::', '::1'],
    ['::1', '::1'],
    ['::1', 'localhost'],
  ] as const) {
    const server = Bun.listen({ hostname, port: 0, socket: { data() {} } })
    expect(findListener({ host, port: server.port }), `${host} at ${hostname}`).toBe(process.pid)
    server.stop(true)
  }
})

test('CPU time grows with work', () => {
  const before = cpuTimeMs(process.pid) ?? Number.NaN
  const deadline = performance.now() + 5_000
  while ((cpuTimeMs(process.pid) ?? 0) < before + 20 && performance.now() < deadline) {
    // Working is what is measured.
  }
  expect(cpuTimeMs(process.pid)).toBeGreaterThanOrEqual(before + 20)
  expect(cpuTimeMs(2 ** 30)).toBe(null)
})
