// A DNS server on loopback: answers A and AAAA questions from a table, and can say that a name does not
// exist or say nothing at all. One question per packet, as every resolver asks.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

const TYPE_A = 1
const TYPE_AAAA = 28
const NAME_ERROR = 3
const HEADER_BYTES = 12

interface Entry {
  addresses: readonly string[]
  ttlSeconds: number
}

interface Question {
  name: string
  type: number
  /** Where it ends in the packet. */
  end: number
}

export class DnsServer {
  /** "A mq.test" for every question. */
  readonly asked: string[] = []
  /** While it is mute, nobody gets an answer. */
  isMute = false
  readonly #socket: Socket
  readonly #names = new Map<string, Entry>()

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (packet, from) => this.#onMessage(packet, from))
  }

  static async start(): Promise<DnsServer> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    return new DnsServer(socket)
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  set(name: string, addresses: readonly string[], ttlSeconds = 1): void {
    this.#names.set(name, { addresses, ttlSeconds })
  }

  /** From now on the name does not exist. */
  remove(name: string): void {
    this.#names.delete(name)
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }

  #onMessage(packet: Buffer, from: RemoteInfo): void {
    const question = readQuestion(packet)
    this.asked.push(`${question.type === TYPE_A ? 'A' : 'AAAA'} ${question.name}`)
    if (!this.isMute) this.#socket.send(this.#answer(packet, question), from.port, from.address)
  }

  #answer(packet: Buffer, { name, type, end }: Question): Buffer {
    const entry = this.#names.get(name)
    const wanted = (entry?.addresses ?? []).filter((address) =>
      address.includes(':') ? type === TYPE_AAAA : type === TYPE_A,
    )
    const header = Buffer.from(packet.subarray(0, HEADER_BYTES))
    // An answer, recursion available; and whether there is such a name.
    header.writeUInt16BE(0x8180 | (entry === undefined ? NAME_ERROR : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(wanted.length, 6)
    header.writeUInt32BE(0, 8)
    const records = wanted.map((address) => record(type, address, entry?.ttlSeconds ?? 0))
    return Buffer.concat([header, packet.subarray(HEADER_BYTES, end), ...records])
  }
}

function readQuestion(packet: Buffer): Question {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = packet[at] ?? 0; length > 0; length = packet[at] ?? 0) {
    labels.push(packet.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: packet.readUInt16BE(at + 1), end: at + 5 }
}

function record(type: number, address: string, ttlSeconds: number): Buffer {
  const data = Buffer.from(type === TYPE_A ? address.split('.').map(Number) : ipv6Bytes(address))
  const head = Buffer.alloc(12)
  // The name of the question, by its place in the packet; class Internet.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttlSeconds, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

/** For addresses with one "::", which is all that tests write. */
function ipv6Bytes(address: string): number[] {
  const [before = '', after = ''] = address.split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const middle = 8 - groups(before).length - groups(after).length
  const all = [...groups(before), ...new Array<number>(middle).fill(0), ...groups(after)]
  return all.flatMap((group) => [group >> 8, group & 0xff])
}
