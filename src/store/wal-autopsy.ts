// Looks at a write-ahead log before SQLite does. SQLite stops at the first frame whose checksum does
// not hold and drops the rest without a word, which is right after a power cut (the last transaction
// never got whole onto the disk) and wrong after a flipped bit (acknowledged messages vanish).
//
// The file (all numbers big-endian):
//
//   | magic | version | page size | checkpoint | salt 1 | salt 2 | checksum |
//   |   4   |    4    |     4     |     4      |   4    |   4    |    8     |
//
//   then frames:
//
//   | page number | pages after commit | salt 1 | salt 2 | checksum | page … |
//   |      4      |         4          |   4    |   4    |    8     |        |
//
// A checksum covers everything before it, in words of the byte order that the magic's last bit says.
// A frame with other salts is left over from before the last reset, never a sign of anything.
//
// The two cases are told apart by commits. The writer starts a transaction only after the one before
// it is on disk. So of the frames from the first bad one on, at most the last transaction may be
// torn: it has at most one commit frame and nothing of the same salts behind that. More than that is
// damage. (What a rolled back transaction left behind, on a full disk, has no commit frame.)

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const MAGIC_LITTLE_ENDIAN = 0x377f0682
const MAGIC_BIG_ENDIAN = 0x377f0683
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536

export interface WalFinding {
  /** Frames up to and including the last commit before the first bad one: what SQLite will use. */
  committedFrames: number
  /** 'torn': something after that, which a power cut explains. 'corrupt': which it does not. */
  verdict: 'sound' | 'torn' | 'corrupt'
  /** The first bad frame, counted from 0; null without one. */
  badFrame: number | null
}

const NOTHING: WalFinding = { committedFrames: 0, verdict: 'sound', badFrame: null }

export function examineWal(bytes: Uint8Array): WalFinding {
  // An empty file, or one whose first header never got to the disk: no transaction was finished.
  if (bytes.length < HEADER_BYTES) return NOTHING
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = view.getUint32(0)
  const pageBytes = view.getUint32(8)
  const isLittleEndian = magic === MAGIC_LITTLE_ENDIAN
  const isHeaderSound =
    (isLittleEndian || magic === MAGIC_BIG_ENDIAN) &&
    pageBytes >= PAGE_BYTES_MIN &&
    pageBytes <= PAGE_BYTES_MAX &&
    holdsChecksum(view, isLittleEndian)
  if (!isHeaderSound) return headerFinding(view)
  return examineFrames(view, { pageBytes, isLittleEndian })
}

/**
 * A bad header hides every frame. It is written and synced before the first frame, alone, so with
 * commits of one and the same salt behind it the header was fine once.
 */
function headerFinding(view: DataView): WalFinding {
  const isBlank = view.getUint32(0) === 0 && view.getUint32(16) === 0 && view.getUint32(20) === 0
  const hasFrames = view.byteLength > HEADER_BYTES + FRAME_HEADER_BYTES
  const verdict = isBlank || !hasFrames ? 'torn' : 'corrupt'
  return { committedFrames: 0, verdict, badFrame: 0 }
}

function examineFrames(
  view: DataView,
  format: { pageBytes: number; isLittleEndian: boolean },
): WalFinding {
  const { pageBytes, isLittleEndian } = format
  const frameBytes = FRAME_HEADER_BYTES + pageBytes
  const frameCount = Math.floor((view.byteLength - HEADER_BYTES) / frameBytes)
  const sum: Checksum = { a: view.getUint32(24), b: view.getUint32(28) }
  let committedFrames = 0
  for (let frame = 0; frame < frameCount; frame++) {
    const at = HEADER_BYTES + frame * frameBytes
    if (!hasSalts(view, at)) return afterBadFrame(view, { frame, committedFrames, frameBytes })
    addToChecksum(sum, view, { at, bytes: 8, isLittleEndian })
    const pageAt = at + FRAME_HEADER_BYTES
    addToChecksum(sum, view, { at: pageAt, bytes: pageBytes, isLittleEndian })
    if (view.getUint32(at + 16) !== sum.a || view.getUint32(at + 20) !== sum.b) {
      return afterBadFrame(view, { frame, committedFrames, frameBytes })
    }
    if (isCommit(view, at)) committedFrames = frame + 1
  }
  return { committedFrames, verdict: 'sound', badFrame: null }
}

function afterBadFrame(
  view: DataView,
  bad: { frame: number; committedFrames: number; frameBytes: number },
): WalFinding {
  let commitCount = 0
  let hasFrameBehindCommit = false
  let hasSameSalts = false
  for (
    let at = HEADER_BYTES + bad.frame * bad.frameBytes;
    at + bad.frameBytes <= view.byteLength;
    at += bad.frameBytes
  ) {
    if (!hasSalts(view, at)) continue
    hasSameSalts = true
    if (commitCount > 0) hasFrameBehindCommit = true
    if (isCommit(view, at)) commitCount++
  }
  const { committedFrames, frame: badFrame } = bad
  if (commitCount > 1 || hasFrameBehindCommit)
    return { committedFrames, verdict: 'corrupt', badFrame }
  return { committedFrames, verdict: hasSameSalts ? 'torn' : 'sound', badFrame }
}

function hasSalts(view: DataView, at: number): boolean {
  return (
    view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20)
  )
}

function isCommit(view: DataView, at: number): boolean {
  return view.getUint32(at + 4) !== 0
}

interface Checksum {
  a: number
  b: number
}

function holdsChecksum(view: DataView, isLittleEndian: boolean): boolean {
  const sum: Checksum = { a: 0, b: 0 }
  addToChecksum(sum, view, { at: 0, bytes: 24, isLittleEndian })
  return sum.a === view.getUint32(24) && sum.b === view.getUint32(28)
}

function addToChecksum(
  sum: Checksum,
  view: DataView,
  range: { at: number; bytes: number; isLittleEndian: boolean },
): void {
  let { a, b } = sum
  const end = range.at + range.bytes
  for (let at = range.at; at < end; at += 8) {
    a = (a + view.getUint32(at, range.isLittleEndian) + b) >>> 0
    b = (b + view.getUint32(at + 4, range.isLittleEndian) + a) >>> 0
  }
  sum.a = a
  sum.b = b
}
