// The names of what a nameserver counts; request 61,000 shows them.

export const COUNTER = {
  scans: 'nameserver_scans_total',
  registrations: 'nameserver_registrations_total',
  refusedTopics: 'nameserver_refused_topics_total',
  /** Brokers removed because they were silent. */
  evictions: 'nameserver_evictions_total',
  /** Brokers removed because their connection closed. */
  disconnections: 'nameserver_disconnections_total',
  /** Routes told to watchers. */
  pushes: 'nameserver_route_pushes_total',
  requests: 'nameserver_requests_total',
  unsupportedRequests: 'nameserver_unsupported_requests_total',
} as const
