// Our own produce and consume commands in the place of a foreign client, so that messages cross
// between ours and theirs in both directions.

import type { ConsumeOptions, Target } from './foreign-client.ts'
import type { Received, TestMessage } from './messages.ts'
import { mq } from './mq.ts'

export async function produceWithOurs(
  target: Target,
  messages: readonly TestMessage[],
): Promise<void> {
  const lines = messages.map(({ keys, tags, body }) =>
    JSON.stringify({ key: keys, tag: tags, bodyBase64: body.toString('base64') }),
  )
  const { exitCode, stderr } = await mq(
    ['produce', target.topic, '--json', '--nameservers', target.nameserver],
    { stdin: `${lines.join('\n')}\n` },
  )
  if (exitCode !== 0) throw new Error(`mq produce exited ${exitCode}: ${stderr}`)
}

export async function consumeWithOurs(
  target: Target,
  options: ConsumeOptions,
): Promise<Received[]> {
  const { exitCode, stdout, stderr } = await mq([
    ...['consume', target.topic, '--nameservers', target.nameserver, '--json'],
    ...['--group', options.group, '--from', 'start'],
    ...['--count', String(options.count), '--timeout', '30s'],
  ])
  if (exitCode !== 0) throw new Error(`mq consume exited ${exitCode}: ${stderr}`)
  return receivedLines(stdout)
}

/** What `mq consume --json` has printed. */
export function receivedLines(output: string): Received[] {
  return (
    output
      .split('\n')
      // A process that still runs may have written half a line.
      .slice(0, -1)
      .map((line) => {
        const { key, tag, queueId, queueOffset, body, bodyBase64 } = JSON.parse(line)
        return {
          keys: key,
          tags: tag,
          queueId,
          queueOffset,
          body: body === undefined ? Buffer.from(bodyBase64, 'base64') : Buffer.from(body, 'utf8'),
        }
      })
  )
}
