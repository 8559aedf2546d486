// The answer to "which replicas has this broker" (code 901), asked by Apache 5.x brokers.

import type { BrokerAddresses } from './route.ts'
import { jsonBody } from './route.ts'

export function encodeMemberGroup(group: BrokerAddresses): Buffer {
  return jsonBody({
    brokerMemberGroup: {
      brokerAddrs: Object.fromEntries(group.addresses),
      brokerName: group.brokerName,
      cluster: group.cluster,
    },
  })
}
