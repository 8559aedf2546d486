// A 32-bit hash of text for sharing out keys: FNV-1a over the UTF-16 units, then the finalizer of
// MurmurHash3, because FNV alone leaves its low bits uneven. It decides where keys live, so it must
// never change. Java's String.hashCode would not do: key-0001, key-0002, … fall unevenly.

const FNV_OFFSET = 0x811c_9dc5
const FNV_PRIME = 0x0100_0193

export function keyHash(key: string): number {
  let hash = FNV_OFFSET
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), FNV_PRIME)
    hash = Math.imul(hash ^ (unit >>> 8), FNV_PRIME)
  }
  return mix(hash)
}

/** Spreads every input bit over all output bits. */
export function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
