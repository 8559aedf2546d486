// Lines of a byte stream, bytes kept as they are: only "\n" separates, a last line without one counts,
// an empty line is a line, "\r" stays. Nothing is decoded, so nothing can be lost in decoding.

import { MqError } from '../core/errors.ts'
import { formatBytes } from './units.ts'

const NEWLINE = 0x0a

/** Yields the complete lines of each chunk together: one step per chunk, not per line. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  options: { bytesMax: number },
): AsyncGenerator<Uint8Array[]> {
  /** The unfinished line, in pieces, so that a long one is not copied with every chunk. */
  let pieces: Uint8Array[] = []
  let pendingBytes = 0
  let lineNumber = 1
  const checkSize = (bytes: number): void => {
    if (bytes <= options.bytesMax) return
    throw new MqError(
      'MESSAGE_TOO_LARGE',
      `line ${lineNumber} has more than ${formatBytes(options.bytesMax)}, the most a message may have`,
      { hint: 'send it in parts' },
    )
  }
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end)
      checkSize(pendingBytes + tail.length)
      lines.push(pieces.length === 0 ? tail : Buffer.concat([...pieces, tail]))
      pieces = []
      pendingBytes = 0
      lineNumber++
      start = end + 1
    }
    if (start < chunk.length) {
      pieces.push(chunk.subarray(start))
      pendingBytes += chunk.length - start
      checkSize(pendingBytes)
    }
    if (lines.length > 0) yield lines
  }
  if (pendingBytes > 0) yield [Buffer.concat(pieces)]
}
