// Permissions of a topic as people write them: "rw", "r", "w", "-".

import { MqError } from '../core/errors.ts'
import { PERMISSION } from '../remoting/codes.ts'

export function formatPermission(permission: number): string {
  const read = (permission & PERMISSION.read) === 0 ? '' : 'r'
  const write = (permission & PERMISSION.write) === 0 ? '' : 'w'
  return read + write || '-'
}

export function parsePermission(text: string): number {
  if (!/^(r|w|rw|-)$/.test(text)) {
    throw new MqError('USAGE', `--permission is "${text}", expected rw, r, w or -`)
  }
  return (text.includes('r') ? PERMISSION.read : 0) | (text.includes('w') ? PERMISSION.write : 0)
}
