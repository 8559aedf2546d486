// Randomness, for everything outside src/core: injected, so that a seed replays a run.

export interface Random {
  /** Uniform in [0, 1). */
  float(): number
  /** Uniform integer in [0, bound). */
  below(bound: number): number
  /** `bytes` random bytes as lower-case hex. */
  hex(bytes: number): string
}

export const systemRandom: Random = {
  float: () => Math.random(),
  below: (bound) => Math.floor(Math.random() * bound),
  hex: (bytes) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex'),
}

/** A deterministic generator (mulberry32, public domain, Tommy Ettinger). Same seed, same sequence. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
  const below = (bound: number): number => Math.floor(float() * bound)
  return {
    float,
    below,
    hex: (bytes) =>
      Array.from({ length: bytes }, () => below(256).toString(16).padStart(2, '0')).join(''),
  }
}
