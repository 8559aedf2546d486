// A message as a consumer gets it, with everything that does not matter filled in.

import type { ReceivedMessage } from '../../src/client/message.ts'

export function receivedMessage(parts: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return {
    topic: 'orders',
    brokerName: 'broker-a',
    messageId: 'ID1',
    queueId: 3,
    queueOffset: 41,
    position: 99,
    flag: 0,
    systemFlag: 0,
    bodyCrc: 0,
    bornTimeMs: 1_700_000_000_000,
    bornHost: '127.0.0.1:1',
    storeTimeMs: 1_700_000_000_001,
    storeHost: '127.0.0.1:2',
    reconsumeTimes: 0,
    preparedPosition: 0,
    properties: {},
    body: Buffer.from('hello'),
    ...parts,
  }
}
