// The kinds of things that happen to a world, by accident or by people, and one such thing at one time. Plain data: a world's
// faults are drawn before it begins, so that leaving some out does not change the others.

const FAULT_KINDS = {
  delay: 'everything one machine sends to another takes longer',
  cut: 'one direction between two machines is dead, and nobody is told',
  isolate: 'one machine is cut off from all others',
  sever: 'all connections between two machines close',
  refuse: 'one machine refuses new connections',
  'slow-reader': 'one process reads its connections slowly',
  kill: 'kill -9; started again later',
  stop: 'a graceful stop; started again later',
  freeze: 'SIGSTOP, later SIGCONT',
  'power-cut': 'a machine loses power: peers hear nothing, unsynced writes go; started again later',
  'lose-broker': 'a broker goes without a word and never comes back; at most one',
  'sync-error': 'an fsync fails with EIO; the broker ends, and is started again later',
  'disk-full': 'ENOSPC for a while',
  'slow-sync': 'every fsync takes long for a while',
  drain: 'people drain a broker and bring it back',
  resize: 'people change the number of queues of a topic',
  rebirth: 'people delete a topic and make it again',
  'clock-jump': 'the wall clock of all machines jumps, also back',
} as const

export type FaultKind = keyof typeof FAULT_KINDS

export const ALL_FAULT_KINDS = Object.keys(FAULT_KINDS) as FaultKind[]

export interface Fault {
  /** After the workload began. */
  atMs: number
  kind: FaultKind
  /** The machine. */
  target: string
  /** The machine at the other end, for faults that are between two. */
  peer: string
  /** How long it lasts, or until the node is started again. */
  durationMs: number
  /** How bad it is: milliseconds of delay, of slowness, of a jump. */
  amountMs: number
}

export function describeFault(fault: Fault): string {
  const { kind, target, peer, durationMs, amountMs } = fault
  const rounded = `${Math.round(durationMs)} ms`
  switch (kind) {
    case 'delay':
      return `${kind} ${target} > ${peer} by ${Math.round(amountMs)} ms for ${rounded}`
    case 'cut':
    case 'sever':
      return `${kind} ${target} > ${peer} for ${rounded}`
    case 'slow-reader':
    case 'slow-sync':
      return `${kind} ${target} by ${Math.round(amountMs)} ms for ${rounded}`
    case 'clock-jump':
      return `${kind} by ${Math.round(amountMs)} ms`
    case 'resize':
    case 'rebirth':
      return kind
    case 'lose-broker':
    case 'sync-error':
      return `${kind} ${target}`
    default:
      return `${kind} ${target} for ${rounded}`
  }
}
