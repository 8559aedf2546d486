// Writes into docs/FAILURES.md what its commands print now: each block that begins with `$ mq simulate`
// is replaced by the command and its output, with expectations on lines of their own.
//
//     bun bench/failures.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const PROJECT_DIR = join(import.meta.dir, '..')
const DOCUMENT = join(PROJECT_DIR, 'docs/FAILURES.md')
const INDENT = ' '.repeat(25)

function run(command: string): string {
  const words = command.split(' ').slice(1)
  const { stdout, stderr, exitCode } = Bun.spawnSync({
    cmd: [process.execPath, join(PROJECT_DIR, 'src/main.ts'), ...words],
    cwd: PROJECT_DIR,
  })
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${stderr}`)
  return stdout
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ {2}\(expected: (.*)\)$/, `\n${INDENT}expected: $1`))
    .join('\n')
}

const text = readFileSync(DOCUMENT, 'utf8')
const written = text.replace(
  /```text\n\$ (mq simulate [^\n]+)\n[\s\S]*?```/g,
  (_, command: string) => {
    process.stdout.write(`${command}\n`)
    return `\`\`\`text\n$ ${command}\n${run(command)}\n\`\`\``
  },
)
writeFileSync(DOCUMENT, written)
