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

test('CPU time grows with work', () => {
  const before = cpuTimeMs(process.pid) ?? Number.NaN
  const deadline = performance.now() + 5_000
  while ((cpuTimeMs(process.pid) ?? 0) < before + 20 && performance.now() < deadline) {
    // Working is what is measured.
  }
  expect(cpuTimeMs(process.pid)).toBeGreaterThanOrEqual(before + 20)
  expect(cpuTimeMs(2 ** 30)).toBe(null)
})
