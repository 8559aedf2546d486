// Goal: `mq route --watch` shows what is there and then each change, says how it learns of them, and ends
// when told to. Method: the executable against real nodes that are changed meanwhile.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cleanEnvironment, jsonLines, lines, MQ, mq, mqOk } from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let cluster: CliCluster

beforeAll(async () => {
  cluster = await CliCluster.start()
})
afterAll(async () => {
  expect(await cluster.stop()).toBe(0)
})

interface Watching {
  /** Resolves when it follows both nameservers. */
  following: Promise<void>
  ended: Promise<{ text: string; exitCode: number }>
  interrupt: () => void
}

function watch(words: readonly string[]): Watching {
  const child = Bun.spawn([...MQ, 'route', ...words, '--watch'], {
    env: cleanEnvironment(cluster.env),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const following = Promise.withResolvers<void>()
  void (async () => {
    const decoder = new TextDecoder()
    let said = ''
    for await (const chunk of child.stderr) {
      said += decoder.decode(chunk)
      if (said.split('pushes changes\n').length > 2) following.resolve()
    }
    following.reject(new Error(`it ended without following: ${said}`))
  })()
  return {
    following: following.promise,
    ended: new Response(child.stdout).text().then(async (text) => {
      return { text, exitCode: await child.exited }
    }),
    interrupt: () => child.kill('SIGINT'),
  }
}

test('a topic: its rows, then one line per change and nameserver, by push; --count ends it', async () => {
  await mqOk(['topic', 'create', 'watched', '--queues', '4'], { env: cluster.env })
  const { following, ended } = watch(['watched', '--json', '--count', '4'])
  await following
  await mqOk(['topic', 'alter', 'watched', '--queues', '6'], { env: cluster.env })
  const { text, exitCode } = await ended
  expect(exitCode).toBe(0)
  const shown = jsonLines<Record<string, unknown>>(text)
  expect(shown.map((row) => row['change'])).toEqual([
    ...Array.from({ length: 4 }, () => undefined),
    ...Array.from({ length: 4 }, () => 'changed'),
  ])
  for (const row of shown.slice(4)) {
    expect(row).toMatchObject({ topic: 'watched', learnedBy: 'push' })
    expect(Math.abs((row['timeMs'] as number) - Date.now())).toBeLessThan(60_000)
    expect(Object.keys(row).sort()).toEqual([
      'after',
      'before',
      'brokerName',
      'change',
      'learnedBy',
      'nameserver',
      'timeMs',
      'topic',
    ])
  }
})

test('a topic that is not there yet is waited for; Ctrl-C ends it with 0', async () => {
  const { following, ended, interrupt } = watch(['to-come'])
  await following
  await mqOk(['topic', 'create', 'to-come', '--queues', '2'], { env: cluster.env })
  await mqOk(['topic', 'show', 'to-come'], { env: cluster.env })
  interrupt()
  const { text, exitCode } = await ended
  expect(exitCode).toBe(0)
  const joined = lines(text).map((line) => line.split('\t'))
  expect(joined).toHaveLength(4)
  for (const cells of joined) expect(cells.slice(2, 6)).toContain('joined')
})

test('--brokers, and --duration', async () => {
  const { text, exitCode, stderr } = await mq(
    ['route', '--brokers', '--watch', '--duration', '500ms'],
    { env: cluster.env },
  )
  expect(exitCode).toBe(0)
  expect(lines(text)).toHaveLength(4)
  expect(stderr.split('pushes changes')).toHaveLength(3)
})
