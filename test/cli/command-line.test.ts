// Goal: every command explains itself, wrong words end with 2 and a suggestion, errors are one
// sentence and a next step. Method: the executable, without any cluster.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { isGroup } from '../../src/cli/command.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { jsonLines, lines, mq, rows, TempFolder } from '../support/cli.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(60_000)

const NOWHERE = '127.0.0.1:1'
let folder: TempFolder

beforeAll(() => {
  folder = new TempFolder('command-line')
})
afterAll(() => folder.remove())

/** One sentence, one next step, nothing from inside the program. */
function expectGoodError(stderr: string): void {
  const said = lines(stderr)
  expect(said[0]).toStartWith('error: ')
  expect(said[1]).toStartWith('try: ')
  expect(said).toHaveLength(2)
  expect(stderr).not.toContain('    at ')
}

test('version', async () => {
  const short = await mq(['--version'])
  expect(short.text).toMatch(/^mq \d+\.\d+\.\d+\n$/)
  const [facts] = jsonLines<{ version: string }>((await mq(['version', '--json'])).text)
  expect(short.text).toContain(facts?.version ?? '?')
})

test('the overview names every command and every exit code', async () => {
  for (const words of [[], ['--help'], ['help'], ['-h']]) {
    const { text, exitCode } = await mq(words)
    expect(exitCode).toBe(0)
    for (const { name } of COMMANDS) expect(text).toContain(`  ${name}`)
    expect(text).toContain('7 partial')
  }
})

describe('every command', () => {
  for (const entry of COMMANDS) {
    test(`${entry.name} --help leads with examples and states a time limit`, async () => {
      const loaded = await entry.load()
      const names = isGroup(loaded)
        ? Object.keys(loaded.actions).map((action) => [entry.name, action])
        : [[entry.name]]
      for (const words of names) {
        const { text, exitCode, stderr } = await mq([...words, '--help'])
        expect(exitCode).toBe(0)
        expect(stderr).toBe('')
        expect(text.indexOf('Examples')).toBeGreaterThan(0)
        expect(text.indexOf('Examples')).toBeLessThan(text.indexOf('Usage'))
        expect(text).toContain('Time limit')
        expect(text).toContain(`mq ${words.join(' ')}`)
        for (const line of lines(text)) expect(line.length).toBeLessThanOrEqual(100)
        // Notes flow: a word or two that were pushed off the end of a line do not stand alone.
        expect(text.split('\nNotes\n')[1] ?? '').not.toMatch(/^ {2}.{1,15}[^.:]\n {2}\S/m)
      }
    })
  }

  test('groups list their actions; without an action they end with 2', async () => {
    const help = await mq(['topic', '--help'])
    expect(help.exitCode).toBe(0)
    for (const action of ['list', 'show', 'create', 'alter', 'delete']) {
      expect(help.text).toContain(`mq topic ${action}`)
    }
    const bare = await mq(['topic'])
    expect(bare.exitCode).toBe(2)
    expectGoodError(bare.stderr)
    // The next step it names is one that works as it stands.
    const lab = await mq(['simulate'])
    expect(lab.exitCode).toBe(2)
    expect(lab.stderr).toContain('try: mq simulate broker-shutdown --mode kill --virtual')
    expect((await mq(['help', 'topic', 'create'])).text).toContain('--queues')
  })
})

describe('wrong words', () => {
  const cases: [string[], string][] = [
    [['porduce', 't'], 'did you mean "mq produce"?'],
    [['topic', 'lsit'], 'did you mean "mq topic list"?'],
    [['topic', 'constructor'], 'has no action "constructor"'],
    [['--jsno'], 'no option "--jsno"'],
    [['help', 'nothing'], 'no command "nothing"'],
    [['produce', 't', '--tagg', 'x'], 'did you mean --tag?'],
    [['produce'], 'TOPIC is missing'],
    [['topic', 'list', 'extra'], '"extra" is one argument too many'],
    [['consume', 't', '--count', '0'], '--count is "0", expected a whole number'],
    [['consume', 't', '--from', 'yesterday'], '"yesterday" is not a start position'],
    [['consume', 't', '--format', '{bdoy}'], 'did you mean {body}?'],
    [['consume', 't', '--json', '--format', '{body}'], 'exclude each other'],
    [['consume', 't', '--timeout', '10'], '--timeout is "10", expected a duration'],
    [['produce', 'bad topic!', '--body', 'x'], 'invalid topic name "bad topic!"'],
    [['produce', `${'x'.repeat(200)}`, '--body', 'x'], '(200 characters)'],
    [['consume', 't', '--group', 'a b'], 'invalid group name "a b"'],
    [['topic', 'create', '../../etc'], 'invalid topic name "../../etc"'],
    [['topic', 'create', 't', '--queues', '100000'], '--queues is "100000"'],
    [['topic', 'alter', 't'], 'nothing to change in t: --queues or --permission is missing'],
    [['topic', 'plan', 't'], 'nothing to change in t: --queues is missing'],
    [['group', 'reset', 'g', '--to', 'start'], '--topic is missing'],
    [['route'], 'TOPIC is missing'],
    [['route', 't', '--count', '3'], '--count says when --watch ends'],
    [['route', 't', '--watch', '--count', 'x'], '--count is "x"'],
    [['produce', 't', '--policy', 'random'], 'one of rr, weighted, hash, consistent'],
    [['produce', 't', '--weights', 'a'], '--weights is "a"'],
    [['produce', 't', '--nameservers', 'nowhere', '--body', 'x'], 'nameservers is "nowhere"'],
    [['completion', 'bsh'], 'expected one of bash, zsh, fish'],
    [['simulate', 'broker-shutdown'], '--mode is missing'],
    [['simulate', 'broker-shutdown', '--mode', 'kill', '--pid', '2'], '--broker is missing'],
    [['simulate', 'expand', '--virtual', '--rate', '0'], '--rate is "0"'],
    [['simulate', 'expand', '--rate', 'x'], '--rate is "x"'],
    [['simulate', 'delete', '--virtual', '--html', '/nowhere/x.html'], 'to /nowhere/x.html'],
    [['bench', 'nameserver', '--log', 'loud'], '--log is "loud"'],
    [['config', 'show', 'brokr'], 'role is "brokr"'],
    [['demo', '--data-set', '/nowhere.json'], 'cannot use the data set /nowhere.json'],
    [['broker', '--flush', 'later'], 'flush is "later"'],
    [['nameserver', '--listen', 'here'], 'listen is "here"'],
  ]
  for (const [words, expected] of cases) {
    test(`mq ${words.join(' ').slice(0, 60)}`, async () => {
      const { exitCode, stderr, text } = await mq(words)
      expect(stderr).toContain(expected)
      expect(exitCode).toBe(2)
      expect(text).toBe('')
      expectGoodError(stderr)
    })
  }
})

describe('no nameserver', () => {
  const commands = [
    ['topic', 'list'],
    ['topic', 'show', 't'],
    ['topic', 'create', 't'],
    ['topic', 'delete', 't'],
    ['group', 'list'],
    ['group', 'show', 'g'],
    ['cluster'],
    ['route', 't'],
    ['route', '--brokers'],
    ['produce', 't', '--body', 'x'],
    ['consume', 't', '--timeout', '5s'],
    ['bench', 'produce', '--duration', '1s'],
  ]
  for (const words of commands) {
    test(`mq ${words.join(' ')} ends with 5 and says whom it asked`, async () => {
      const { exitCode, stderr, text } = await mq([...words, '--nameservers', NOWHERE])
      expect(stderr).toContain(NOWHERE)
      expectGoodError(stderr)
      expect(exitCode).toBe(5)
      expect(text).toBe('')
    })
  }
})

describe('where settings come from', () => {
  const shown = async (words: string[], env: Record<string, string> = {}, cwd = folder.path) => {
    const { text } = await mq(['config', 'show', 'client', ...words], { env, cwd })
    return rows(text).find(([, key]) => key === 'nameservers')
  }

  test('flag over environment over file over default', async () => {
    const empty = new TempFolder('empty')
    expect(await shown([], {}, empty.path)).toEqual([
      'client',
      'nameservers',
      '127.0.0.1:9876',
      'default',
    ])
    writeFileSync(folder.join('mq.toml'), '# seeds\nnameservers = ["127.0.0.1:7", "127.0.0.1:8"]\n')
    expect(await shown([])).toEqual([
      'client',
      'nameservers',
      '127.0.0.1:7,127.0.0.1:8',
      'mq.toml:2',
    ])
    expect(await shown([], { NAMESRV_ADDR: 'a:1;b:2' })).toEqual([
      'client',
      'nameservers',
      'a:1,b:2',
      'NAMESRV_ADDR',
    ])
    const wrong = await mq(['topic', 'list'], { env: { NAMESRV_ADDR: 'nowhere' }, cwd: empty.path })
    expect(wrong.stderr).toContain('NAMESRV_ADDR is "nowhere", expected one or more HOST:PORT')
    expect(wrong.exitCode).toBe(2)
    const both = { NAMESRV_ADDR: 'a:1', MQ_NAMESERVER: 'c:3' }
    expect(await shown([], both)).toEqual(['client', 'nameservers', 'c:3', 'MQ_NAMESERVER'])
    const flagged = await mq(['topic', 'list', '--nameservers', NOWHERE], {
      env: both,
      cwd: folder.path,
    })
    expect(flagged.stderr).toContain(NOWHERE)
    empty.remove()
  })

  test('a wrong file is refused whole, by every command, with line and key', async () => {
    const wrong = new TempFolder('wrong')
    writeFileSync(wrong.join('mq.toml'), 'nameservers = ["127.0.0.1:7"]\nlistn = "127.0.0.1:1"\n')
    for (const words of [
      ['topic', 'list'],
      ['broker'],
      ['nameserver'],
      ['config', 'check'],
      ['config', 'show'],
    ]) {
      const { exitCode, stderr } = await mq(words, { cwd: wrong.path })
      expect(stderr).toContain('mq.toml:2: unknown key "listn", did you mean "listen"?')
      expect(exitCode).toBe(2)
      expectGoodError(stderr)
    }
    wrong.remove()
  })

  test('a file that is named must exist', async () => {
    const { exitCode, stderr } = await mq(['topic', 'list', '--config', '/nowhere/mq.toml'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain(
      'cannot read the configuration /nowhere/mq.toml: there is no such file',
    )
  })

  test('mq config check says that a good file is good', async () => {
    const { text, exitCode } = await mq(['config', 'check'], { cwd: folder.path })
    expect(text).toBe('mq.toml: ok, 1 keys\n')
    expect(exitCode).toBe(0)
  })
})

test('mq broker --explain prints what each flush mode promises', async () => {
  const { text, exitCode } = await mq(['broker', '--explain'])
  expect(exitCode).toBe(0)
  expect(rows(text).map((row) => row[0])).toEqual(['sync (yours)', 'async'])
  expect(text).toContain('power cut')
})

describe('completion', () => {
  test('bash: the script parses and completes commands, actions and options', async () => {
    const { text } = await mq(['completion', 'bash'])
    const file = folder.join('completion.bash')
    writeFileSync(file, text)
    expect(Bun.spawnSync(['bash', '-n', file]).exitCode).toBe(0)
    const complete = (words: string[]): string => {
      const list = words.map((word) => `'${word}'`).join(' ')
      const script = `source '${file}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _mq; echo "\${COMPREPLY[@]}"`
      return Bun.spawnSync(['bash', '-c', script]).stdout.toString().trim()
    }
    expect(complete(['mq', 'pro'])).toBe('produce')
    expect(complete(['mq', 'topic', 'cr'])).toBe('create')
    expect(complete(['mq', 'topic', 'create', '--qu'])).toBe('--queues')
    expect(complete(['mq', 'consume', '--for'])).toBe('--format')
  })

  test('zsh and fish name every command', async () => {
    for (const shell of ['zsh', 'fish']) {
      const { text, exitCode } = await mq(['completion', shell])
      expect(exitCode).toBe(0)
      for (const { name } of COMMANDS) expect(text).toContain(name)
      // Quotes must pair, or the script breaks where it is sourced.
      expect((text.match(/'/g) ?? []).length % 2).toBe(0)
    }
  })
})
