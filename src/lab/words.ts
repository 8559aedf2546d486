// How the lab says things: in seconds, because that is what the protocol's numbers are in.

/** "12 ms", "29.4 s", "130 s". */
export function lasting(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return `${(ms / 1_000).toFixed(1).replace(/\.0$/, '')} s`
}

/** "66.7 %". */
export function percent(part: number, whole: number): string {
  return whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(1).replace(/\.0$/, '')} %`
}

/** "broker-a:0, broker-a:1", or "none". */
export function listed(names: Iterable<string>): string {
  return [...names].join(', ') || 'none'
}
