// Goal: what goes in comes out, byte for byte; what was printed is committed and nothing else; limits,
// timeouts and missing topics end with their codes. Method: the executable against a real cluster.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/random.ts'
import {
  type CliOptions,
  cleanEnvironment,
  jsonLines,
  lines,
  MQ,
  mq,
  mqOk,
  rows,
} from '../support/cli.ts'
import { CliCluster } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let cluster: CliCluster
let topicCount = 0

beforeAll(async () => {
  cluster = await CliCluster.start()
})
afterAll(async () => {
  expect(await cluster.stop()).toBe(0)
})

const run = (words: string[], options: CliOptions = {}) =>
  mq(words, { env: cluster.env, ...options })
const ok = (words: string[], options: CliOptions = {}) =>
  mqOk(words, { env: cluster.env, ...options })

async function newTopic(queues = 4): Promise<string> {
  const topic = `t${++topicCount}`
  await ok(['topic', 'create', topic, '--queues', String(queues)])
  return topic
}

/** One queue keeps the order of everything. */
const newOrderedTopic = () => newTopic(1)

interface Message {
  queueId: number
  brokerName: string
  queueOffset: number
  key: string | null
  tag: string | null
  flag: number
  properties: Record<string, string>
  body?: string
  bodyBase64?: string
}

describe('standard input', () => {
  test('each line is a message, its bytes kept', async () => {
    const topic = await newOrderedTopic()
    const input = Buffer.concat([
      Buffer.from('first\n\n\r\n  spaces  \n'),
      Buffer.from([0xff, 0x00, 0xfe, 0x0a]),
      Buffer.from('no newline at the end'),
    ])
    const sent = await ok(['produce', topic], { stdin: input })
    expect(sent.text).toBe('')
    expect(sent.stderr).toBe('')
    const { stdout } = await ok(['consume', topic])
    expect(stdout).toEqual(Buffer.concat([input, Buffer.from('\n')]))
  })

  test('no input is no message', async () => {
    const topic = await newTopic()
    expect((await ok(['produce', topic], { stdin: '' })).stderr).toBe('')
    expect((await ok(['consume', topic])).text).toBe('')
  })

  test('a file, a whole file, and a body from the command line', async () => {
    const topic = await newOrderedTopic()
    const file = join(cluster.folder.path, 'in.bin')
    writeFileSync(file, 'a\nb\n')
    await ok(['produce', topic, '--file', file])
    await ok(['produce', topic, '--whole', '--file', file])
    await ok(['produce', topic, '--body', '-5'])
    expect((await ok(['consume', topic])).text).toBe('a\nb\na\nb\n\n-5\n')
    const missing = await run(['produce', topic, '--file', '/nowhere'])
    expect(missing.exitCode).toBe(2)
    expect(missing.stderr).toContain('cannot read /nowhere')
  })
})

test('key, tag, properties and flag arrive as typed', async () => {
  const topic = await newTopic()
  const words = ['--key', '007', '--tag', 'new', '--property', 'a=1=2', '--flag', '-9']
  await ok(['produce', topic, '--body', 'x', ...words])
  const [message] = jsonLines<Message>((await ok(['consume', topic, '--json'])).text)
  expect(message).toMatchObject({ key: '007', tag: 'new', flag: -9, properties: { a: '1=2' } })
  expect((await ok(['consume', topic, '--format', '{key}|{tag}|{property.a}|{body}'])).text).toBe(
    '007|new|1=2|x\n',
  )
})

test('receipts are printed only when asked for, in input order', async () => {
  const topic = await newTopic()
  const { text } = await ok(['produce', topic, '--receipts'], { stdin: 'a\nb\nc\n' })
  const receipts = jsonLines<{ brokerName: string; queueId: number; queueOffset: number }>(text)
  expect(receipts).toHaveLength(3)
  for (const receipt of receipts) {
    expect(receipt).toMatchObject({ queueOffset: expect.any(Number), isDurable: true, attempts: 1 })
  }
})

test('mq consume --json | mq produce --json loses not a byte', async () => {
  const source = await newOrderedTopic()
  const target = await newOrderedTopic()
  const random = seededRandom(20_261_123)
  const bodies = Array.from({ length: 300 }, () =>
    Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256))),
  )
  const input = bodies
    .map((body, i) =>
      JSON.stringify({
        bodyBase64: body.toString('base64'),
        key: `k${i}`,
        tag: 'x',
        flag: i,
        properties: { n: `${i}` },
      }),
    )
    .join('\n')
  await ok(['produce', source, '--json'], { stdin: input })
  const command = MQ.map((word) => `'${word}'`).join(' ')
  const copy = Bun.spawnSync(
    [
      'bash',
      '-o',
      'pipefail',
      '-c',
      `${command} consume ${source} --json | ${command} produce ${target} --json`,
    ],
    { env: cleanEnvironment(cluster.env), cwd: cluster.folder.path },
  )
  expect(copy.stderr.toString()).toBe('')
  expect(copy.exitCode).toBe(0)
  const copied = jsonLines<Message>((await ok(['consume', target, '--json'])).text)
  expect(copied).toHaveLength(bodies.length)
  for (const [i, message] of copied.entries()) {
    const body =
      message.body === undefined
        ? Buffer.from(message.bodyBase64 ?? '', 'base64')
        : Buffer.from(message.body)
    expect(body.equals(bodies[i] as Buffer)).toBe(true)
    expect(message).toMatchObject({ key: `k${i}`, tag: 'x', flag: i, properties: { n: `${i}` } })
  }
})

describe('where reading starts and ends', () => {
  test('start, end, the last n of each queue, an offset, a time', async () => {
    const topic = await newOrderedTopic()
    await ok(['produce', topic], { stdin: 'a\nb\nc\nd\n' })
    expect((await ok(['consume', topic, '--from', '-2'])).text).toBe('c\nd\n')
    expect((await ok(['consume', topic, '--from', '3'])).text).toBe('d\n')
    expect((await ok(['consume', topic, '--from', '@-1h'])).text).toBe('a\nb\nc\nd\n')
    const atEnd = await ok(['consume', topic, '--from', 'end'])
    expect(atEnd.text).toBe('')
    expect(atEnd.stderr).toContain('--follow')
    expect((await ok(['consume', topic, '--count', '2'])).text).toBe('a\nb\n')
  })

  test('only the wanted tags', async () => {
    const topic = await newOrderedTopic()
    for (const tag of ['red', 'green', 'blue'])
      await ok(['produce', topic, '--tag', tag, '--body', tag])
    expect((await ok(['consume', topic, '--tag', 'green'])).text).toBe('green\n')
    expect((await ok(['consume', topic, '--tag', 'red || blue'])).text).toBe('red\nblue\n')
  })

  test('--timeout before --count: what came is printed, and the code is 6', async () => {
    const topic = await newTopic()
    await ok(['produce', topic], { stdin: 'a\n' })
    for (const group of [[], ['--group', `${topic}-g`]]) {
      const { exitCode, text, stderr } = await run([
        'consume',
        topic,
        '--count',
        '2',
        '--timeout',
        '1500ms',
        ...group,
      ])
      expect(text).toBe('a\n')
      expect(stderr).toContain('1 of 2 messages')
      expect(exitCode).toBe(6)
    }
  })
})

describe('groups', () => {
  const committed = async (group: string, topic: string): Promise<number> => {
    const { text } = await ok(['group', 'show', group, '--json'])
    const [shown] = jsonLines<{ queues: { topic: string; committedOffset: number | null }[] }>(text)
    return (shown?.queues ?? [])
      .filter((queue) => queue.topic === topic)
      .reduce((sum, queue) => sum + (queue.committedOffset ?? 0), 0)
  }

  test('a group commits exactly what it printed, and goes on from there', async () => {
    const topic = await newTopic()
    const group = `${topic}-g`
    const all = Array.from({ length: 100 }, (_, i) => String(i))
    await ok(['produce', topic], { stdin: `${all.join('\n')}\n` })
    const words = ['consume', topic, '--group', group, '--from', 'start', '--timeout', '10s']
    const seen: string[] = []
    for (const count of [1, 7, 30, 62]) {
      const { text } = await ok([...words, '--count', String(count)])
      expect(lines(text)).toHaveLength(count)
      seen.push(...lines(text))
      expect(await committed(group, topic)).toBe(seen.length)
    }
    expect(seen.sort((a, b) => Number(a) - Number(b))).toEqual(all)
  })

  test('without a group nothing is committed', async () => {
    const topic = await newTopic()
    await ok(['produce', topic], { stdin: 'a\nb\n' })
    await ok(['consume', topic])
    expect((await ok(['consume', topic])).text.length).toBe(4)
    expect(
      rows((await ok(['group', 'list'])).text).filter((row) => row[2]?.includes(topic)),
    ).toEqual([])
  })

  test('reset moves a group back and forth', async () => {
    const topic = await newOrderedTopic()
    const group = `${topic}-g`
    await ok(['produce', topic], { stdin: 'a\nb\nc\n' })
    const consume = ['consume', topic, '--group', group, '--timeout', '10s']
    await ok([...consume, '--count', '3'])
    const moved = await ok(['group', 'reset', group, '--topic', topic, '--to', '-1', '--json'])
    expect(jsonLines(moved.text)).toMatchObject([{ before: 3, after: 2 }])
    expect((await ok([...consume, '--count', '1'])).text).toBe('c\n')
    await ok(['group', 'reset', group, '--topic', topic, '--to', 'start'])
    expect((await ok([...consume, '--count', '3'])).text).toBe('a\nb\nc\n')
    const unknown = await run(['group', 'show', 'nobody'])
    expect(unknown.exitCode).toBe(3)
  })
})

describe('bad input and failure', () => {
  test('a message over the limit is refused, what came before it is stored', async () => {
    const topic = await newTopic()
    const input = Buffer.concat([Buffer.from('small\n'), Buffer.alloc(4 * 1024 * 1024 + 1, 'x')])
    const { exitCode, stderr } = await run(['produce', topic], { stdin: input })
    expect(stderr).toContain('1 messages were acknowledged')
    expect(stderr).toContain('line 2 has more than 4 MiB')
    expect(exitCode).toBe(7)
    expect((await ok(['consume', topic])).text).toBe('small\n')
    const alone = await run(['produce', topic, '--whole'], {
      stdin: Buffer.alloc(4 * 1024 * 1024 + 1),
    })
    expect(alone.exitCode).toBe(4)
    expect(alone.stderr).toContain('4194304')
  })

  test('the largest message there may be goes through', async () => {
    const topic = await newTopic()
    const body = Buffer.alloc(4 * 1024 * 1024, 0xe1)
    await ok(['produce', topic, '--whole'], { stdin: body })
    const { stdout } = await ok(['consume', topic])
    expect(stdout.length).toBe(body.length + 1)
    expect(stdout.subarray(0, -1).equals(body)).toBe(true)
  })

  test('a broken JSON line is named; the lines before it are sent', async () => {
    const topic = await newOrderedTopic()
    const { exitCode, stderr } = await run(['produce', topic, '--json'], {
      stdin: '{"body":"a"}\nnonsense\n{"body":"c"}\n',
    })
    expect(stderr).toContain('line 2: it is not JSON')
    expect(exitCode).toBe(7)
    expect((await ok(['consume', topic])).text).toBe('a\n')
  })

  test('a missing topic ends with 3 and says how to make it', async () => {
    for (const words of [
      ['consume', 'missing', '--timeout', '5s'],
      ['route', 'missing'],
      ['topic', 'show', 'missing'],
      ['topic', 'delete', 'missing'],
      ['topic', 'alter', 'missing', '--queues', '4'],
    ]) {
      const { exitCode, stderr } = await run(words)
      expect(stderr).toContain('"missing"')
      expect(stderr).toContain('try: ')
      expect(exitCode).toBe(3)
    }
  })
})

describe('pipes and signals', () => {
  const shell = (script: string) =>
    Bun.spawnSync(
      ['bash', '-c', script.replaceAll('MQ ', `${MQ.map((w) => `'${w}'`).join(' ')} `)],
      {
        env: cleanEnvironment(cluster.env),
        cwd: cluster.folder.path,
      },
    )

  test('R60: a reader that has enough ends the writer with 0 and in silence', async () => {
    const topic = await newTopic()
    const many = Array.from({ length: 20_000 }, (_, i) => `${i} ${'x'.repeat(100)}`).join('\n')
    await ok(['produce', topic], { stdin: many })
    for (const words of ['', '--json', '--follow', `--group ${topic}-g --follow`]) {
      const { stdout, stderr } = shell(
        `MQ consume ${topic} ${words} | head -1 >/dev/null; echo "\${PIPESTATUS[0]}"`,
      )
      expect(stderr.toString()).toBe('')
      expect(stdout.toString()).toBe('0\n')
    }
  })

  test('R60: a reader of receipts that has enough does not keep the rest from being sent', async () => {
    const topic = await newTopic()
    const { stdout, stderr } = shell(
      `seq 1 20000 | MQ produce ${topic} --receipts | head -1 >/dev/null; echo "\${PIPESTATUS[1]}"`,
    )
    expect(stderr.toString()).toBe('')
    expect(stdout.toString()).toBe('0\n')
    expect(lines((await ok(['consume', topic])).text)).toHaveLength(20_000)
  })

  test('R60: standard output that is full is an error', async () => {
    const topic = await newTopic()
    await ok(['produce', topic], { stdin: 'a\n' })
    const { exitCode, stderr } = shell(`MQ consume ${topic} > /dev/full`)
    expect(stderr.toString()).toContain('cannot write standard output')
    expect(exitCode).toBe(4)
  })

  test('R60: SIGINT ends following with 0, and what it had not printed stays', async () => {
    const topic = await newOrderedTopic()
    const group = `${topic}-g`
    await ok(['produce', topic], { stdin: 'a\nb\n' })
    const child = Bun.spawn(
      [...MQ, 'consume', topic, '--group', group, '--from', 'start', '--follow'],
      {
        env: cleanEnvironment(cluster.env),
        stdout: 'pipe',
        stderr: 'pipe',
      },
    )
    const reader = child.stdout.getReader()
    let got = ''
    while (got !== 'a\nb\n') got += Buffer.from((await reader.read()).value ?? []).toString()
    child.kill('SIGINT')
    expect(await child.exited).toBe(0)
    await ok(['produce', topic], { stdin: 'c\n' })
    expect(
      (await ok(['consume', topic, '--group', group, '--count', '1', '--timeout', '10s'])).text,
    ).toBe('c\n')
  })

  test('R60: SIGINT while waiting for input ends with 130; what was read is sent', async () => {
    const topic = await newOrderedTopic()
    const child = Bun.spawn([...MQ, 'produce', topic, '--receipts'], {
      env: cleanEnvironment(cluster.env),
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    child.stdin.write('sent\nnot finished')
    await child.stdin.flush()
    const reader = child.stdout.getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain('queueOffset')
    child.kill('SIGINT')
    expect(await child.exited).toBe(130)
    expect((await ok(['consume', topic])).text).toBe('sent\n')
  })
})
