// The handler table of a broker, which counts what is asked for as it is looked up: the codes that
// nobody handles show which peers expect more of us.

import type { Counter, Metrics } from '../core/metrics.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import { COUNTER } from './counters.ts'

export class CountedHandlers extends Map<number, RequestHandler> {
  #requests: Counter | null = null
  #unsupported: Counter | null = null

  static of(
    handlers: Iterable<readonly [number, RequestHandler]>,
    metrics: Metrics,
  ): CountedHandlers {
    const counted = new CountedHandlers(handlers)
    counted.#requests = metrics.counter(COUNTER.requests)
    counted.#unsupported = metrics.counter(COUNTER.unsupportedRequests)
    return counted
  }

  /** The lookup of the dispatcher: once per request. */
  override get(code: number): RequestHandler | undefined {
    const handler = super.get(code)
    this.#requests?.add()
    if (handler === undefined) this.#unsupported?.add()
    return handler
  }
}
