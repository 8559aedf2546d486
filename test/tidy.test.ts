// Goal: the layout rules hold without anybody having to remember them. Method: read every source
// file as text and check its imports, size and vocabulary. Each rule was seen to fail once on a
// sentence or import that breaks it.

import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '..')
const LINES_MAX = 400

function filesUnder(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules'))
    .sort()
}

const sources = filesUnder('src', /\.ts$/)
const textOf = new Map(sources.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))

/** Source without comments and strings' insides would need a parser; whole-line comments suffice. */
function codeOf(path: string): string {
  return (textOf.get(path) ?? '').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
}

interface Import {
  from: string
  target: string
  isTypeOnly: boolean
}

function importsOf(path: string): Import[] {
  const found: Import[] = []
  const pattern =
    /^(?:import|export)\s+(type\s+)?[^'"]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)/gm
  for (const match of codeOf(path).matchAll(pattern)) {
    found.push({
      from: path,
      target: (match[2] ?? match[3]) as string,
      isTypeOnly: match[1] !== undefined,
    })
  }
  return found
}

/** The folder under src a file belongs to; main.ts is its own layer. */
function layerOf(path: string): string {
  return path.split('/')[1] as string
}

function resolveImport({ from, target }: Import): string | null {
  if (!target.startsWith('.')) return null
  return relative(ROOT, resolve(ROOT, dirname(from), target))
}

const MAY_IMPORT: Record<string, readonly string[]> = {
  'main.ts': ['cli', 'core'],
  cli: ['cli', 'lab', 'client', 'nameserver', 'broker', 'simulation', 'store', 'remoting', 'core'],
  lab: ['lab', 'client', 'nameserver', 'broker', 'simulation', 'store', 'remoting', 'core'],
  simulation: ['simulation', 'remoting', 'core'],
  client: ['client', 'remoting', 'core'],
  nameserver: ['nameserver', 'remoting', 'core'],
  broker: ['broker', 'remoting', 'store', 'core'],
  store: ['store', 'core'],
  remoting: ['remoting', 'core'],
  core: ['core'],
}

function offenders(check: (path: string) => string[]): string[] {
  return sources.flatMap((path) => check(path).map((what) => `${path}: ${what}`))
}

/** Lines of code that match `pattern` in files that are not allowed to. */
function uses(pattern: RegExp, allowed: (path: string) => boolean): string[] {
  return offenders((path) => {
    if (allowed(path)) return []
    return codeOf(path)
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => line.trim())
  })
}

describe('imports', () => {
  test('go in one direction', () => {
    const wrong = offenders((path) =>
      importsOf(path).flatMap((found) => {
        const target = resolveImport(found)
        if (target === null || !target.startsWith('src/')) return []
        const allowed = MAY_IMPORT[layerOf(path)] ?? []
        return allowed.includes(layerOf(target)) ? [] : [`imports ${target}`]
      }),
    )
    expect(wrong).toEqual([])
  })

  test('make no cycle', () => {
    const edges = new Map(
      sources.map((path) => [
        path,
        importsOf(path)
          .filter((found) => !found.isTypeOnly)
          .map(resolveImport)
          .filter((target) => target !== null),
      ]),
    )
    const state = new Map<string, 'open' | 'done'>()
    const cycles: string[] = []
    const visit = (path: string, trail: string[]): void => {
      if (state.get(path) === 'done') return
      if (state.get(path) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
        return
      }
      state.set(path, 'open')
      for (const target of edges.get(path) ?? []) visit(target, [...trail, path])
      state.set(path, 'done')
    }
    for (const path of sources) visit(path, [])
    expect(cycles).toEqual([])
  })

  test('re-export nothing, default-export nothing', () => {
    expect(uses(/^export (\*|\{[^}]*\}|type \{[^}]*\}) from|^export default/, () => false)).toEqual(
      [],
    )
  })
})

describe('the outside world is met in one place', () => {
  test('SQLite under src/store', () => {
    expect(uses(/'better-sqlite3|'bun:sqlite'/, (path) => path.startsWith('src/store/'))).toEqual(
      [],
    )
  })

  test('sockets under src/remoting', () => {
    expect(
      uses(
        /\bBun\.(listen|connect|serve|udpSocket)\b|'node:(net|tls|http|https|dgram|dns)['/]/,
        (path) => path.startsWith('src/remoting/'),
      ),
    ).toEqual([])
  })

  test('time and randomness in src/core', () => {
    const pattern =
      /\bDate\.now\b|new Date\(\)|\bMath\.random\b|\bperformance\.|\bset(Timeout|Interval|Immediate)\b|\bBun\.(sleep|nanoseconds)\b|\bcrypto\.(random|getRandom)|'node:timers/
    expect(uses(pattern, (path) => /^src\/core\/(clock|random)\.ts$/.test(path))).toEqual([])
  })

  test('the process, its console and its files at the edges', () => {
    const atEdge = (path: string): boolean => path === 'src/main.ts' || path.startsWith('src/cli/')
    expect(
      uses(
        /(?<![-\w.])process\.|'node:(process|child_process)'|\bconsole\.|'picocolors'/,
        (path) => atEdge(path) || path === 'src/store/sqlite.ts' || path === 'src/store/native.ts',
      ),
    ).toEqual([])
    expect(
      uses(
        /'node:fs|\bBun\.(file|write)\b/,
        (path) => atEdge(path) || path.startsWith('src/store/'),
      ),
    ).toEqual([])
  })

  test('nothing becomes a shell command or code', () => {
    expect(uses(/\bBun\.\$|\beval\(|new Function\(|shell: true/, () => false)).toEqual([])
  })
})

describe('files', () => {
  test(`have at most ${LINES_MAX} lines`, () => {
    const all = [...sources, ...filesUnder('native', /\.[ch]$/), ...filesUnder('test', /\.ts$/)]
    const long = all
      .map((path) => ({
        path,
        lines: readFileSync(join(ROOT, path), 'utf8').split('\n').length - 1,
      }))
      .filter(({ lines }) => lines > LINES_MAX)
    expect(long).toEqual([])
  })

  test('open with what they are for', () => {
    expect(
      offenders((path) =>
        /^(#!.*\n)?\/\//.test(textOf.get(path) ?? '') ? [] : ['no opening comment'],
      ),
    ).toEqual([])
  })

  test('have names in lower case with dashes', () => {
    expect(sources.filter((path) => !/^src(\/[a-z0-9-]+)+\.ts$/.test(path))).toEqual([])
  })

  test('promise nothing for later', () => {
    expect(
      offenders((path) =>
        ((textOf.get(path) ?? '').match(/\b(TODO|FIXME|XXX|HACK)\b(?!X).*/g) ?? []).filter(
          (line) => !/#\d+/.test(line) && !line.includes('TOPIC_XXXX'),
        ),
      ),
    ).toEqual([])
  })
})

describe('tests', () => {
  const tests = filesUnder('test', /\.test\.ts$/)

  test('open with goal and method', () => {
    const silent = tests.filter((path) => !readFileSync(join(ROOT, path), 'utf8').startsWith('//'))
    expect(silent).toEqual([])
  })

  test('are never switched off', () => {
    const off = tests.filter((path) =>
      /\b(test|it|describe)\.(skip|todo|only)\(/.test(readFileSync(join(ROOT, path), 'utf8')),
    )
    expect(off).toEqual([])
  })
})

test('lock files name packages, not where this machine got them', () => {
  const locks = ['bun.lock', ...filesUnder('test', /(package-lock\.json|bun\.lock)$/)]
  const named = locks.filter((path) =>
    /https?:[^"\s]+\.tgz/.test(readFileSync(join(ROOT, path), 'utf8')),
  )
  expect(named).toEqual([])
})
