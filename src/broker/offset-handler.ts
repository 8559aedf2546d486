// A consumer's commit (code 15), usually one-way.

import { MqError } from '../core/errors.ts'
import type { Counter } from '../core/metrics.ts'
import { checkGroupName } from '../core/names.ts'
import type { Command, Response } from '../remoting/command.ts'
import { isOneway } from '../remoting/command.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import { intField, textField } from '../remoting/field-reader.ts'
import { queueKey } from '../store/append-log.ts'
import type { CommittedOffsets } from './offsets.ts'
import type { BrokerState } from './state.ts'

export function commitOffsetHandler(options: {
  brokerName: string
  state: BrokerState
  offsets: CommittedOffsets
  commits: Counter
}): RequestHandler {
  const { brokerName, state, offsets, commits } = options

  return function commitOffset(request: Command): Response | Promise<Response> {
    const { fields } = request
    const offset = intField(fields, 'commitOffset')
    // ali-ons commits -1 for every queue it has not read from: taken literally, that would send the
    // group back to the start.
    if (offset < 0) return SUCCESS
    const group = textField(fields, 'consumerGroup')
    checkGroupName(group)
    const name = textField(fields, 'topic')
    const topic = state.topics.get(name)
    if (topic === undefined) {
      throw new MqError('TOPIC_NOT_FOUND', `broker ${brokerName} has no topic ${name}`)
    }
    const queueId = intField(fields, 'queueId')
    if (queueId < 0 || queueId >= topic.queueIdEnd) {
      throw new MqError(
        'QUEUE_NOT_FOUND',
        `topic ${name} has no queue ${queueId} on broker ${brokerName}`,
      )
    }
    commits.add()
    const commit = { group, queue: queueKey(topic.id, queueId), offset }
    if (isOneway(request)) {
      offsets.commit(commit)
      return SUCCESS
    }
    return offsets.commitDurably(commit).then(() => SUCCESS)
  }
}
