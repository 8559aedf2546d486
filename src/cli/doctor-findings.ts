// What a check of `mq doctor` comes to: a summary if all is well, or findings, each with what to do.

export type Grade = 'ok' | 'warning' | 'problem'

export interface Finding {
  /** A problem fails the diagnosis; a warning is worth knowing. */
  grade: 'warning' | 'problem'
  message: string
  /** The next command, or the next thing to look at. */
  fix: string
}

export interface CheckResult {
  check: string
  grade: Grade
  /** What was looked at, in a few words. */
  summary: string
  findings: Finding[]
}

export function checkResult(
  check: string,
  summary: string,
  findings: readonly Finding[],
): CheckResult {
  const grades = findings.map(({ grade }) => grade)
  const grade = grades.includes('problem')
    ? 'problem'
    : grades.includes('warning')
      ? 'warning'
      : 'ok'
  return { check, grade, summary, findings: [...findings] }
}

export function problem(message: string, fix: string): Finding {
  return { grade: 'problem', message, fix }
}

export function warning(message: string, fix: string): Finding {
  return { grade: 'warning', message, fix }
}

const LISTED_MAX = 8

/** "a, b, c and 4 more" */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED_MAX).join(', ')
  const more = names.length - LISTED_MAX
  return more > 0 ? `${shown} and ${more} more` : shown
}

/** "1 topic", "2 topics" */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}
