// A handler table that counts what is asked for as it is looked up. The codes that nobody handles are
// the interesting ones: they show which peers expect more of us.

import type { Counter } from '../core/metrics.ts'
import type { RequestHandler } from './dispatch.ts'

export class CountedHandlers extends Map<number, RequestHandler> {
  readonly #requests: Counter
  readonly #unsupported: Counter

  constructor(counters: { requests: Counter; unsupported: Counter }) {
    super()
    this.#requests = counters.requests
    this.#unsupported = counters.unsupported
  }

  /** The lookup of the dispatcher: once per request. */
  override get(code: number): RequestHandler | undefined {
    const handler = super.get(code)
    this.#requests.add()
    if (handler === undefined) this.#unsupported.add()
    return handler
  }
}
