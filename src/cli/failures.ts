// Answers gathered from several peers, some of which did not answer: what is known is printed, what
// is missing is named on stderr, and the exit code says that it is not everything.

import type { Gathered } from '../client/admin-results.ts'
import { EXIT } from '../core/errors.ts'
import type { Invocation } from './command.ts'

export function reportFailures(invocation: Invocation, gathered: Gathered<unknown>): number {
  for (const { peer, purpose, error } of gathered.failures) {
    invocation.note(`warning: ${peer} did not give ${purpose}: ${error.message}`)
  }
  return gathered.failures.length === 0 ? EXIT.ok : EXIT.partial
}
