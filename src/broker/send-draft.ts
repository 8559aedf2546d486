// One message on its way into the log. The store writes it before `appendMessages` returns, so one
// draft serves all single sends of a broker and nothing is allocated for it per message.

import { type MessageRecord, messageBytes, writeMessage } from '../remoting/stored-message.ts'
import type { Assigned, MessageDraft } from '../store/message-store.ts'

const NOTHING = Buffer.alloc(0)

export class SendDraft implements MessageDraft {
  queue = 0
  bytes = 0
  tagsHash = 0
  readonly record: MessageRecord = {
    queueId: 0,
    flag: 0,
    queueOffset: 0,
    position: 0,
    systemFlag: 0,
    bornTimeMs: 0,
    bornHost: 0,
    bornPort: 0,
    storeTimeMs: 0,
    storeHost: 0,
    storePort: 0,
    reconsumeTimes: 0,
    preparedPosition: 0,
    body: NOTHING,
    topic: NOTHING,
    properties: NOTHING,
  }

  constructor(store: { host: number; port: number }) {
    this.record.storeHost = store.host
    this.record.storePort = store.port
  }

  /** To be called once the record is filled in. */
  measure(): void {
    this.bytes = messageBytes(this.record)
  }

  write(target: Buffer, at: number, assigned: Assigned): void {
    this.record.position = assigned.position
    this.record.queueOffset = assigned.queueOffset
    this.record.storeTimeMs = assigned.storeTimeMs
    writeMessage(this.record, target, at)
  }
}
