// Goal: however a stream is cut into chunks, the same frames come out, and memory follows what
// arrived. Method: every cut of a short stream, random cuts of a long one, and a peer that claims
// much and sends little.

import { expect, test } from 'bun:test'
import { FRAME_BYTES_MAX } from '../../src/core/limits.ts'
import { seededRandom } from '../../src/core/random.ts'
import { FrameSplitter } from '../../src/remoting/frame-splitter.ts'
import { randomBytes } from '../support/frames.ts'

function frameOf(content: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}

function collect(chunks: readonly Buffer[]): { frames: Buffer[]; heldBytes: number } {
  const splitter = new FrameSplitter()
  const frames: Buffer[] = []
  for (const chunk of chunks) {
    splitter.push(
      chunk,
      (bytes, start, end) => void frames.push(Buffer.from(bytes.subarray(start, end))),
    )
  }
  return { frames, heldBytes: splitter.heldBytes }
}

test('every way to cut a stream in two, and byte by byte', () => {
  const contents = ['four', 'abcdefgh', '12345', 'the last'].map((text) => Buffer.from(text))
  const stream = Buffer.concat(contents.map(frameOf))
  for (let cut = 0; cut <= stream.length; cut++) {
    const result = collect([stream.subarray(0, cut), stream.subarray(cut)])
    expect(result, `cut at ${cut}`).toEqual({ frames: contents, heldBytes: 0 })
  }
  const bytewise = Array.from(stream, (_, i) => stream.subarray(i, i + 1))
  expect(collect(bytewise)).toEqual({ frames: contents, heldBytes: 0 })
})

test('random frames in random chunks', () => {
  const seed = 8
  const random = seededRandom(seed)
  const contents = Array.from({ length: 300 }, () => randomBytes(random, 4 + random.below(900)))
  const stream = Buffer.concat(contents.map(frameOf))
  for (let round = 0; round < 20; round++) {
    const chunks: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      const size = 1 + random.below(round === 0 ? 3 : 4_000)
      chunks.push(stream.subarray(at, at + size))
      at += size
    }
    expect(collect(chunks), `seed ${seed}, round ${round}`).toEqual({
      frames: contents,
      heldBytes: 0,
    })
  }
})

test('what is held does not change when the chunk it came in is reused', () => {
  const content = Buffer.from('a frame in two chunks')
  const stream = frameOf(content)
  const chunk = Buffer.from(stream.subarray(0, 10))
  const splitter = new FrameSplitter()
  const frames: Buffer[] = []
  const onFrame = (bytes: Buffer, start: number, end: number): void =>
    void frames.push(bytes.subarray(start, end))
  splitter.push(chunk, onFrame)
  chunk.fill(0)
  splitter.push(stream.subarray(10), onFrame)
  expect(frames).toEqual([content])
})

test('memory follows what arrived, not what a length claims', () => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(FRAME_BYTES_MAX - 4)
  const before = process.memoryUsage().arrayBuffers
  const splitters = Array.from({ length: 1_000 }, () => {
    const splitter = new FrameSplitter()
    splitter.push(head, () => expect.unreachable())
    splitter.push(Buffer.from('x'), () => expect.unreachable())
    expect(splitter.heldBytes).toBe(5)
    return splitter
  })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * 1024 * 1024)
  expect(splitters.length).toBe(1_000)
})

test('the largest frame passes in small chunks', () => {
  const content = Buffer.alloc(FRAME_BYTES_MAX - 4, 7)
  const stream = frameOf(content)
  const chunks: Buffer[] = []
  for (let at = 0; at < stream.length; at += 60_000) chunks.push(stream.subarray(at, at + 60_000))
  const { frames, heldBytes } = collect(chunks)
  expect([frames.length, frames[0]?.length, heldBytes]).toEqual([1, content.length, 0])
})

test('lengths without sense are refused as soon as they are known', () => {
  for (const length of [0, 3, FRAME_BYTES_MAX - 3, 0x7fff_ffff, 0xffff_ffff]) {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(length)
    expect(() => collect([head])).toThrow(`a frame claims ${length} bytes`)
    expect(() => collect([head.subarray(0, 3), head.subarray(3)])).toThrow('a frame claims')
  }
})

test('after stop nothing more comes out, not even of the chunk under way', () => {
  const splitter = new FrameSplitter()
  let count = 0
  const frame = frameOf(Buffer.from('frame'))
  splitter.push(Buffer.concat([frame, frame, frame.subarray(0, 5)]), () => {
    count++
    splitter.stop()
  })
  splitter.push(frame, () => count++)
  expect([count, splitter.heldBytes]).toEqual([1, 0])
})
