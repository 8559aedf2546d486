// Where reading starts:  start | end | -100 | @-1h | @2024-05-01T10:00:00Z | 1234.

/** The words of `--from`, understood. Times are absolute: "an hour ago" is fixed when it is read. */
export type StartPosition =
  | { kind: 'start' }
  | { kind: 'end' }
  | { kind: 'last'; count: number }
  | { kind: 'time'; timestampMs: number }
  | { kind: 'offset'; offset: number }

/** Throws USAGE naming the text and the forms there are. */
export function parseStartPosition(text: string, nowMs: number): StartPosition {
  throw new Error(`${text} ${nowMs}`)
}
