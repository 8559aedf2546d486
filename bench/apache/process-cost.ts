// What a process has cost so far, read from /proc (Linux only): processor time of all its threads,
// and memory.

import { readFileSync } from 'node:fs'

/** The kernel counts processor time in ticks; this has been 100 a second on every Linux for long. */
const TICK_MS = 10

export interface ProcessCost {
  cpuMs: number
  rssMb: number
}

export function processCost(pid: number): ProcessCost {
  // The second field is the program's name in parentheses and may hold spaces; count from behind it.
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])]
  const rssKb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return { cpuMs: (userTicks + systemTicks) * TICK_MS, rssMb: Number(rssKb) / 1024 }
}
