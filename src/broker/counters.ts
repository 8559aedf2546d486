// The names of a broker's counters, all kept in one Metrics object per broker.

export const COUNTER = {
  messagesIn: 'broker_messages_in_total',
  bytesIn: 'broker_bytes_in_total',
  sends: 'broker_sends_total',
  sendsRefused: 'broker_sends_refused_total',
  messagesOut: 'broker_messages_out_total',
  bytesOut: 'broker_bytes_out_total',
  pulls: 'broker_pulls_total',
  offsetCommits: 'broker_offset_commits_total',
  registrations: 'broker_registrations_total',
  registrationsFailed: 'broker_registrations_failed_total',
  requests: 'broker_requests_total',
  unsupportedRequests: 'broker_unsupported_requests_total',
} as const
