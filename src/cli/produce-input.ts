// What `mq produce` sends: where its bytes come from and how they become messages.

import type { OutgoingMessage } from '../client/message.ts'
import { describeError, MqError } from '../core/errors.ts'
import { MESSAGE_BYTES_MAX } from '../core/limits.ts'
import type { Invocation } from './command.ts'
import type { Flags } from './flags.ts'
import { splitLines } from './lines.ts'
import { messageFromJson } from './message-json.ts'
import { badValue } from './units.ts'

/** Text may be escaped six-fold in JSON (a control character), and base64 adds a third. */
const JSON_LINE_BYTES_MAX = 6 * MESSAGE_BYTES_MAX + 65_536

/** Yields what came together, together. */
export async function* readMessages(
  invocation: Invocation,
  topic: string,
): AsyncGenerator<OutgoingMessage[]> {
  const { flags } = invocation
  const common = commonParts(flags)
  const body = flags.text('body')
  if (body !== undefined) {
    yield [{ topic, body: Buffer.from(body), ...common }]
    return
  }
  const input = openInput(invocation)
  if (flags.isSet('whole')) {
    yield [{ topic, body: await readWhole(input), ...common }]
    return
  }
  if (!flags.isSet('json')) {
    for await (const lines of splitLines(input, { bytesMax: MESSAGE_BYTES_MAX })) {
      yield lines.map((line) => ({ topic, body: line, ...common }))
    }
    return
  }
  let lineNumber = 0
  for await (const lines of splitLines(input, { bytesMax: JSON_LINE_BYTES_MAX })) {
    const messages: OutgoingMessage[] = []
    for (const line of lines) {
      lineNumber++
      try {
        const message = messageFromJson(line, topic)
        const properties = { ...message.properties, ...common.properties }
        messages.push({ ...message, ...common, properties })
      } catch (error) {
        // What came before the broken line is sent all the same.
        if (messages.length > 0) yield messages
        throw at(lineNumber, error)
      }
    }
    yield messages
  }
}

function at(lineNumber: number, error: unknown): unknown {
  if (!(error instanceof MqError)) return error
  const hint = error.hint === null ? {} : { hint: error.hint }
  return new MqError(error.code, `line ${lineNumber}: ${error.message}`, { ...hint, cause: error })
}

function commonParts(flags: Flags): Omit<OutgoingMessage, 'topic' | 'body'> {
  const key = flags.text('key')
  const tag = flags.text('tag')
  const flag = flags.integer('flag', { min: -(2 ** 31), max: 2 ** 31 - 1 })
  const properties = Object.fromEntries(flags.texts('property').map(readProperty))
  return {
    ...(key === undefined ? {} : { key }),
    ...(tag === undefined ? {} : { tag }),
    ...(flag === undefined ? {} : { flag }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  }
}

function readProperty(text: string): [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw badValue('--property', text, 'NAME=VALUE')
  return [text.slice(0, equals), text.slice(equals + 1)]
}

function openInput(invocation: Invocation): AsyncIterable<Uint8Array> {
  const path = invocation.flags.text('file')
  if (path !== undefined && path !== '-') return readFileChunks(path)
  if (process.stdin.isTTY === true) {
    invocation.note('reading messages from the terminal, one per line; Ctrl-D ends')
  }
  return Bun.stdin.stream() as AsyncIterable<Uint8Array>
}

async function* readFileChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* Bun.file(path).stream() as AsyncIterable<Uint8Array>
  } catch (cause) {
    throw new MqError('USAGE', `cannot read ${path}: ${describeError(cause)}`, {
      hint: `ls -l ${path}`,
      cause,
    })
  }
}

async function readWhole(input: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MESSAGE_BYTES_MAX) {
      throw new MqError(
        'MESSAGE_TOO_LARGE',
        `the input has more than ${MESSAGE_BYTES_MAX} bytes, the most a message may have`,
        { hint: 'send it line by line, without --whole' },
      )
    }
  }
  return Buffer.concat(chunks)
}
