// Just enough of a frame's header to sort recordings: deliberately not the product's decoder, which
// the recordings are there to test.

import type { TappedFrame } from './wire-tap.ts'

export interface FrameSummary {
  encoding: 'json' | 'binary'
  code: number
  opaque: number
  isResponse: boolean
  isOneWay: boolean
  headerText: string
  body: Buffer
}

export function summarizeFrame(frame: Buffer): FrameSummary {
  const headerEnd = 8 + frame.readUIntBE(5, 3)
  const header = frame.subarray(8, headerEnd)
  const body = frame.subarray(headerEnd)
  const fields = frame[4] === 0 ? jsonFields(header) : binaryFields(header)
  return {
    encoding: frame[4] === 0 ? 'json' : 'binary',
    code: fields.code,
    opaque: fields.opaque,
    isResponse: (fields.flag & 1) === 1,
    isOneWay: (fields.flag & 2) === 2,
    headerText: header.toString('latin1'),
    body,
  }
}

function jsonFields(header: Buffer): { code: number; opaque: number; flag: number } {
  const { code, opaque, flag } = JSON.parse(header.toString('utf8'))
  return { code, opaque, flag }
}

function binaryFields(header: Buffer): { code: number; opaque: number; flag: number } {
  return { code: header.readInt16BE(0), opaque: header.readInt32BE(5), flag: header.readInt32BE(9) }
}

/** Index of the answer to a recorded request, or -1. */
export function findAnswer(frames: readonly TappedFrame[], requestIndex: number): number {
  const request = frames[requestIndex]!
  const { opaque } = summarizeFrame(request.bytes)
  return frames.findIndex((frame, index) => {
    if (index <= requestIndex || frame.connection !== request.connection) return false
    if (frame.from === request.from) return false
    const summary = summarizeFrame(frame.bytes)
    return summary.isResponse && summary.opaque === opaque
  })
}
