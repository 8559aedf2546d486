// `mq version`: what is running here.

import { EXIT } from '../core/errors.ts'
import { VERSION } from '../core/product.ts'
import { PROTOCOL_VERSION } from '../remoting/codes.ts'
import type { Command } from './command.ts'

export const version: Command = {
  usage: '',
  summary: 'Prints the version of mq and of what it runs on.',
  examples: [
    { command: 'mq version', does: 'for people' },
    { command: 'mq version --json', does: 'for scripts' },
  ],
  options: [{ flag: '--json', help: 'one JSON object' }],
  timeLimit: 'None needed: it asks nobody.',
  async run({ output }) {
    const facts = {
      version: VERSION,
      bun: Bun.version,
      platform: `${process.platform}-${process.arch}`,
      protocolVersion: PROTOCOL_VERSION,
    }
    if (output.isJson) output.object(facts)
    else output.line(`mq ${facts.version} (Bun ${facts.bun}, ${facts.platform})`)
    return EXIT.ok
  },
}
