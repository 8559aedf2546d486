// `make bench`: every measurement whose figures stand in docs/, one after the other, each in a
// process of its own so that none warms another up. With names as arguments, only those.
//
//   bun bench/run.ts [remoting] [store] [row-layout] [send-load] [apache]

import { join } from 'node:path'

const BENCHES: readonly { name: string; args: readonly string[]; shows: string }[] = [
  { name: 'remoting', args: [], shows: 'CPU per frame, decoded and encoded' },
  { name: 'store', args: [], shows: 'appends with an fsync, and reads, on SQLite' },
  { name: 'row-layout', args: [], shows: 'ways to lay rows out in a segment' },
  { name: 'send-load', args: [], shows: 'broker CPU per send, 8 connections' },
  {
    name: 'send-load',
    args: ['--connections', '1', '--in-flight', '64'],
    shows: 'broker CPU per send, 64 senders on one connection',
  },
  { name: 'apache', args: [], shows: "mq beside Apache RocketMQ under Apache's own load" },
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !BENCHES.some((bench) => bench.name === name))
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(', ')}\n`)
  process.exit(2)
}
let failed = 0
for (const { name, args, shows } of BENCHES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  process.stdout.write(`\n== ${name} ${args.join(' ')}: ${shows}\n`)
  const script = join(import.meta.dir, `${name}.ts`)
  const { exitCode } = Bun.spawnSync([process.execPath, script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (exitCode !== 0) failed++
}
process.exit(failed === 0 ? 0 : 1)
