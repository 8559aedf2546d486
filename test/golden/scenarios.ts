// Which recorded frames are worth keeping, and in which file: one file per thing that is said, the
// same thing said by several peers next to each other, each exchange as request and answer.

import { type FrameSummary, findAnswer, summarizeFrame } from './frame-summary.ts'
import type { TappedFrame } from './wire-tap.ts'

/** File name → the request codes it holds. */
export const SCENARIOS: Record<string, readonly number[]> = {
  'register-broker': [103],
  'unregister-broker': [104],
  'broker-heartbeat': [322, 904],
  route: [105],
  'cluster-info': [106],
  'topic-list': [206],
  'delete-topic': [215, 216],
  'write-permission': [205, 327],
  'kv-config': [100, 101, 102],
  send: [10, 310],
  'send-batch': [320],
  pull: [11],
  heartbeat: [34],
  'unregister-client': [35],
  'consumer-list': [38, 40],
  'consumer-offset': [14, 15],
  'queue-offset': [29, 30, 31],
  'queue-lock': [41, 42],
  'create-topic': [17],
  'topic-config': [351],
  'topic-stats': [202],
  'broker-stats': [28],
  'consume-stats': [203, 208, 222],
}

export interface GoldenLine {
  from: 'client' | 'server'
  /** The program that sent this frame. */
  peer: string
  hex: string
  note: string
}

/** Exchanges kept of one kind (same peers, code, answer and encoding), where one is not enough. */
const KEPT_COUNTS: Record<string, number> = {
  // The first registration of a broker is whole, the next one is for one changed topic.
  'register-broker': 2,
  // A producer's and a consumer's.
  heartbeat: 2,
  'unregister-client': 2,
  'consumer-offset': 2,
  pull: 2,
  // Text, UTF-8, binary and compressed bodies, with and without a tag.
  send: 4,
}

/** A larger frame shows nothing that a smaller one does not. */
const FRAME_BYTES_KEPT = 6000

/** Sorts the frames of one session into `files`; `label` says what was special about the session. */
export function sortFrames(
  frames: readonly TappedFrame[],
  label: string,
  files: Map<string, GoldenLine[]>,
): void {
  const keptCounts = new Map<string, number>()
  const summaries = frames.map((frame) => summarizeFrame(frame.bytes))
  frames.forEach((frame, index) => {
    const request = summaries[index]!
    if (request.isResponse) return
    const scenario = Object.keys(SCENARIOS).find((name) => SCENARIOS[name]!.includes(request.code))
    if (scenario === undefined) return
    const answerIndex = request.isOneWay ? -1 : findAnswer(frames, index)
    const answer = answerIndex === -1 ? null : summaries[answerIndex]!
    const lengths = [frame, ...(answer === null ? [] : [frames[answerIndex]!])].map(
      ({ bytes }) => bytes.length,
    )
    if (Math.max(...lengths) > FRAME_BYTES_KEPT) return
    const kind = [
      scenario,
      frame.clientName,
      frame.serverName,
      request.code,
      request.encoding,
      request.isOneWay,
      answer === null ? 'none' : answer.code,
    ].join(' ')
    const keptCount = keptCounts.get(kind) ?? 0
    if (keptCount >= (KEPT_COUNTS[scenario] ?? 1)) return
    keptCounts.set(kind, keptCount + 1)
    const lines = files.get(scenario) ?? []
    files.set(scenario, lines)
    lines.push(goldenLine(frame, `${label}: ${describeRequest(request)}`))
    if (answer !== null) {
      lines.push(
        goldenLine(frames[answerIndex]!, `${label}: answer ${answer.code} to ${request.code}`),
      )
    }
  })
}

function describeRequest(request: FrameSummary): string {
  const oneWay = request.isOneWay ? ' one-way' : ''
  return `${request.encoding} request ${request.code}${oneWay}, body of ${request.body.length} bytes`
}

function goldenLine(frame: TappedFrame, note: string): GoldenLine {
  const peer = frame.from === 'client' ? frame.clientName : frame.serverName
  return { from: frame.from, peer, hex: frame.bytes.toString('hex'), note }
}
