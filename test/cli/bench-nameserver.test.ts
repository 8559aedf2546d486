// Goal: `mq bench nameserver` measures every phase with everybody connected, at its own nameserver or at
// one that runs, and says beforehand what this machine cannot do. Method: the executable, small numbers.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { cleanEnvironment, jsonLines, MQ, mq, mqOk } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

const SMALL = ['--brokers', '6', '--topics', '20', '--clients', '40', '--watchers', '20']
const QUICK = ['--rounds', '2', '--duration', '200ms', '--json']

interface Phase {
  phase: string
  operations: number
  p50Ms: number | null
  residentBytes: number | null
}

test('R37: registering, beating and being probed, pulling, watching: each with its count and cost', async () => {
  const { text } = await mqOk(['bench', 'nameserver', ...SMALL, ...QUICK])
  const phases = jsonLines<Phase>(text)
  expect(phases.map(({ phase }) => phase)).toEqual([
    'register',
    'register again',
    'beat',
    'beat every 30 s',
    'probe every 30 s',
    'probe every 30 s, kept open',
    'connect and pull',
    'pull',
    'all every 30 s',
    'watch',
    'push',
  ])
  const counts = new Map(phases.map(({ phase, operations }) => [phase, operations]))
  expect(counts.get('register')).toBe(6)
  expect(counts.get('connect and pull')).toBe(40)
  expect(counts.get('watch')).toBe(20)
  // A leaving and a joining, twice, each told to twenty.
  expect(counts.get('push')).toBe(80)
  for (const { phase, operations, p50Ms } of phases) {
    if (operations > 0 && !phase.startsWith('probe')) expect(p50Ms, phase).toBeGreaterThan(0)
  }
})

test('--target, and topics on some of the brokers: only watchers of those are told', async () => {
  const node = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0', '--log', 'error'])
  try {
    const target = ['--target', node.address, '--spread', '2']
    const { text, stderr } = await mqOk(['bench', 'nameserver', ...SMALL, ...QUICK, ...target])
    expect(stderr).toContain(`at ${node.address}`)
    const push = jsonLines<Phase>(text).find(({ phase }) => phase === 'push')
    expect(push?.operations).toBeGreaterThan(0)
    expect(push?.operations).toBeLessThan(80)
  } finally {
    await node.stop()
  }
})

test('too few open files for so many connections: said before anything is started', async () => {
  const command = `ulimit -n 300; exec ${MQ.map((word) => `'${word}'`).join(' ')} bench nameserver`
  const child = Bun.spawn(['sh', '-c', command], {
    env: cleanEnvironment(),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const stderr = await new Response(child.stderr).text()
  expect(await child.exited).toBe(2)
  expect(stderr).toContain('11,000 connections need 11,100 open files, and a process may have 300')
  expect(stderr).toContain('ulimit -n 11100')
})

test('a target that is not there is unreachable', async () => {
  const { exitCode, stderr } = await mq([
    'bench',
    'nameserver',
    ...SMALL,
    '--target',
    '127.0.0.1:1',
  ])
  expect(exitCode).toBe(5)
  expect(stderr).toContain('127.0.0.1:1')
})
