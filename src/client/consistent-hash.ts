// A ring of hash values. Each name holds many points on it; a key belongs to the first point at or
// after its own hash. When a name goes, only its own keys move. Pure.

import { keyHash } from './key-hash.ts'

/** With 256 points the largest share of 8 names is about 15 % above the mean. */
const POINTS_PER_NAME = 256

export class HashRing {
  readonly #hashes: Uint32Array
  readonly #owners: Uint32Array

  /** `find` answers with positions in `names`. */
  constructor(names: readonly string[]) {
    const points: { hash: number; owner: number }[] = []
    names.forEach((name, owner) => {
      for (let i = 0; i < POINTS_PER_NAME; i++) {
        points.push({ hash: keyHash(`${name}#${i}`), owner })
      }
    })
    // Equal hashes are ordered by name, so that the order of `names` never matters.
    points.sort(
      (a, b) =>
        a.hash - b.hash || ((names[a.owner] as string) < (names[b.owner] as string) ? -1 : 1),
    )
    this.#hashes = Uint32Array.from(points, (point) => point.hash)
    this.#owners = Uint32Array.from(points, (point) => point.owner)
  }

  /** The position of the name that owns `hash`; -1 on an empty ring. */
  find(hash: number): number {
    let low = 0
    let high = this.#hashes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#hashes[middle] as number) < hash) low = middle + 1
      else high = middle
    }
    return this.#owners[low] ?? this.#owners[0] ?? -1
  }
}
