// Numbers as the wire and the log write them: big-endian, 64-bit ones as doubles (exact to 2^53,
// which positions, offsets and times never reach). Plain byte arithmetic: for buffers that live for
// one frame or batch it is several times as fast as the methods of Buffer, which first make a
// DataView. The caller has checked that the bytes are there.

export function readUint16(source: Uint8Array, at: number): number {
  return (source[at]! << 8) | source[at + 1]!
}

export function readInt16(source: Uint8Array, at: number): number {
  return (readUint16(source, at) << 16) >> 16
}

export function readInt32(source: Uint8Array, at: number): number {
  return (source[at]! << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!
}

export function readUint32(source: Uint8Array, at: number): number {
  return readInt32(source, at) >>> 0
}

export function readUint64(source: Uint8Array, at: number): number {
  return readUint32(source, at) * 0x1_0000_0000 + readUint32(source, at + 4)
}

/** The lower 16 bits of `value`, signed or not. */
export function writeUint16(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 8
  target[at + 1] = value
}

/** The lower 32 bits of `value`, signed or not. */
export function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
}

export function writeUint64(target: Uint8Array, at: number, value: number): void {
  writeUint32(target, at, Math.floor(value / 0x1_0000_0000))
  writeUint32(target, at + 4, value >>> 0)
}
