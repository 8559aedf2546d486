// What the request handlers of a nameserver work on.

import type { Logger } from '../../core/logger.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { NameserverConfig } from '../config.ts'
import type { EncodedRoutes } from '../encoded-routes.ts'
import type { KvConfig } from '../kv-config.ts'
import type { RoutePusher } from '../route-pusher.ts'
import type { RouteTable } from '../route-table.ts'

export interface NameserverParts {
  config: NameserverConfig
  /** The real listening address, once there is one. */
  address: () => string
  table: RouteTable
  settings: KvConfig
  routes: EncodedRoutes
  pusher: RoutePusher
  metrics: Metrics
  logger: Logger
  nowMs: () => number
  /** For people and their tools only. */
  wallMs: () => number
}
