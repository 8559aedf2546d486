// The handler table of a nameserver, which counts what is asked for as it is looked up. The codes that
// nobody handles are the interesting ones: they show which peers expect more of us.

import type { Metrics } from '../core/metrics.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import { COUNTER } from './counters.ts'

export class CountedHandlers extends Map<number, RequestHandler> {
  #metrics: Metrics | null = null

  static of(
    handlers: Iterable<readonly [number, RequestHandler]>,
    metrics: Metrics,
  ): CountedHandlers {
    const counted = new CountedHandlers(handlers)
    counted.#metrics = metrics
    return counted
  }

  /** The lookup of the dispatcher: once per request. */
  override get(code: number): RequestHandler | undefined {
    const handler = super.get(code)
    this.#metrics?.counter(COUNTER.requests).add()
    if (handler === undefined) this.#metrics?.counter(COUNTER.unsupportedRequests).add()
    return handler
  }
}
