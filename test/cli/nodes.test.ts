// Goal: nodes say `ready` when they serve, stop cleanly when asked, and when they cannot start they
// say why in one sentence and end with the documented code. Method: the executable, real ports and
// folders.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { jsonLines, lines, mq, mqOk, TempFolder } from '../support/cli.ts'
import { CliNode } from '../support/cli-node.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

let folder: TempFolder
let nameserver: CliNode

beforeAll(async () => {
  folder = new TempFolder('nodes')
  nameserver = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'], { cwd: folder.path })
})
afterAll(async () => {
  await nameserver.stop()
  folder.remove()
})

function brokerArguments(name: string, ...more: string[]): string[] {
  return [
    'broker',
    ...['--name', name, '--listen', '127.0.0.1:0'],
    ...['--nameservers', nameserver.address, '--data', folder.join(name), ...more],
  ]
}

test('the ready line names the node and its real address', async () => {
  expect(nameserver.readyLine).toMatch(/^ready nameserver 127\.0\.0\.1:[1-9]\d*$/)
  const broker = await CliNode.start(brokerArguments('ready-line'))
  expect(broker.readyLine).toMatch(/^ready broker ready-line 127\.0\.0\.1:[1-9]\d*$/)
  const [row] = jsonLines<{ brokerName: string; address: string }>(
    (await mqOk(['cluster', '--json', '--nameservers', nameserver.address])).text,
  )
  expect(row).toMatchObject({ brokerName: 'ready-line', address: broker.address })
  expect(await broker.stop()).toBe(0)
})

describe('a stop is clean', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`nameserver, ${signal}`, async () => {
      const node = await CliNode.start(['nameserver', '--listen', '127.0.0.1:0'])
      expect(await node.stop(signal)).toBe(0)
      expect(await node.stderr).not.toContain('error')
    })

    test(`broker, ${signal}: it leaves the routes first`, async () => {
      const node = await CliNode.start(brokerArguments(`stop-${signal}`))
      expect(await node.stop(signal)).toBe(0)
      expect((await mqOk(['cluster', '--nameservers', nameserver.address])).text).toBe('')
    })
  }

  test('--stop-with-stdin: when whoever started it is gone', async () => {
    const node = await CliNode.start(brokerArguments('orphan'))
    node.child.stdin.end()
    expect(await node.child.exited).toBe(0)
  })
})

describe('R31: the seed list', () => {
  test('from mq.toml, same words as the flags; a seed that does not answer is named, others are used', async () => {
    const place = new TempFolder('seeds')
    writeFileSync(
      place.join('mq.toml'),
      [
        `nameservers = ["127.0.0.1:1", "${nameserver.address}"]`,
        'name = "from-file"',
        'listen = "127.0.0.1:0"',
        '[broker]',
        `data = "${place.join('data')}"`,
      ].join('\n'),
    )
    const node = await CliNode.start(['broker'], { cwd: place.path })
    expect(node.readyLine).toContain('ready broker from-file ')
    const listed = await mq(['cluster', '--json'], { cwd: place.path })
    expect(jsonLines(listed.text)).toMatchObject([{ brokerName: 'from-file' }])
    expect(listed.stderr).toContain('127.0.0.1:1')
    expect(listed.exitCode).toBe(7)
    expect(await node.stop()).toBe(0)
    expect(await node.stderr).toContain('127.0.0.1:1')
    place.remove()
  })
})

describe('what cannot start says why and ends', () => {
  async function expectRefusal(
    words: string[],
    code: number,
    ...expected: string[]
  ): Promise<void> {
    const { exitCode, stderr, text } = await mq(words)
    const said = lines(stderr).filter((line) => /^(error|try): /.test(line))
    expect(said[0]).toStartWith('error: ')
    for (const part of expected) expect(stderr).toContain(part)
    expect(said[1] ?? '').toStartWith('try: ')
    expect(stderr).not.toContain('    at ')
    expect(text).toBe('')
    expect(exitCode).toBe(code)
  }

  test('port in use', async () => {
    await expectRefusal(
      ['nameserver', '--listen', nameserver.address],
      4,
      `cannot listen on ${nameserver.address}: the port is in use`,
      '--listen 127.0.0.1:0',
    )
    await expectRefusal(
      [...brokerArguments('port-in-use'), '--listen', nameserver.address].filter(
        (word, i, all) =>
          !(word === '127.0.0.1:0' || (word === '--listen' && all[i + 1] === '127.0.0.1:0')),
      ),
      4,
      'the port is in use',
    )
  })

  test('an address that is not of this machine', async () => {
    await expectRefusal(['nameserver', '--listen', '192.0.2.1:9876'], 2, '192.0.2.1:9876')
  })

  test('a data folder that cannot be made', async () => {
    writeFileSync(folder.join('a-file'), '')
    const words = brokerArguments('no-folder')
    words[words.indexOf('--data') + 1] = folder.join('a-file', 'data')
    await expectRefusal(words, 1, folder.join('a-file', 'data'))
  })

  test('a folder that must not be written', async () => {
    const words = brokerArguments('read-only')
    // Not even root may write here, and tests run as root too.
    words[words.indexOf('--data') + 1] = '/proc/mq-data'
    await expectRefusal(words, 1, '/proc/mq-data')
  })

  test('R58: a second broker on the same folder', async () => {
    const first = await CliNode.start(brokerArguments('twice'))
    await expectRefusal(brokerArguments('twice'), 4, folder.join('twice'))
    expect(await first.stop()).toBe(0)
  })

  test('a name nobody could look up', async () => {
    await expectRefusal(brokerArguments('bad name!'), 2, 'name is "bad name!"')
  })
})

test('flush=async says at the start what it can lose', async () => {
  const node = await CliNode.start(brokerArguments('async', '--flush', 'async'))
  expect(await node.stop()).toBe(0)
  expect(await node.stderr).toContain('a power cut loses the newest messages')
})

describe('mq up', () => {
  test('four nodes, what to paste next, and nothing left over', async () => {
    const place = new TempFolder('up')
    const up = await CliNode.start(['up', '--port', '0', '--data', place.join('data')])
    expect(up.readyLine).toMatch(/^ready cluster 127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/)
    const env = { MQ_NAMESERVER: up.address }
    const brokers = jsonLines<{ address: string }>(
      (await mqOk(['cluster', '--json'], { env })).text,
    )
    expect(brokers).toHaveLength(2)
    await mqOk(['produce', 'greetings', '--body', 'hello'], { env })
    expect((await mqOk(['consume', 'greetings'], { env })).text).toBe('hello\n')
    expect(await up.stop()).toBe(0)
    const stderr = await up.stderr
    expect(stderr).toContain(`export MQ_NAMESERVER=${up.address}`)
    expect(stderr).toMatch(/^broker-a {5}\| /m)
    expect((await mq(['cluster'], { env })).exitCode).toBe(5)
    place.remove()
  })

  test('its nodes end with it, even when it is killed', async () => {
    const place = new TempFolder('up')
    const up = await CliNode.start(['up', '--port', '0', '--data', place.join('data')])
    const env = { MQ_NAMESERVER: up.address }
    await up.stop('SIGKILL')
    const deadline = performance.now() + 20_000
    for (;;) {
      const { exitCode } = await mq(['cluster', '--timeout', '1s'], { env })
      if (exitCode === 5) break
      expect(performance.now()).toBeLessThan(deadline)
    }
    // The brokers hold their folders until they are gone.
    for (;;) {
      const again = await CliNode.start(['up', '--port', '0', '--data', place.join('data')]).catch(
        () => null,
      )
      expect(performance.now()).toBeLessThan(deadline)
      if (again === null) continue
      expect(await again.stop()).toBe(0)
      break
    }
    place.remove()
  })

  test('a port in use is named, and nothing stays', async () => {
    const port = Number(nameserver.address.split(':')[1])
    const place = new TempFolder('up')
    const { exitCode, stderr } = await mq([
      'up',
      '--port',
      String(port),
      '--data',
      place.join('data'),
    ])
    expect(stderr).toContain(`nameserver-1 did not start: cannot listen on 127.0.0.1:${port}`)
    expect(exitCode).toBe(4)
    place.remove()
  })
})
