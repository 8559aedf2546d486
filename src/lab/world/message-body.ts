// Messages of a world: an id, a space, and filler. Ids are never used twice in a world.

export function messageBody(id: string, bytes: number): Buffer {
  return Buffer.from(`${id} `.padEnd(bytes, '.'))
}

export function messageId(body: Uint8Array): string {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  return text.slice(0, text.indexOf(' '))
}
