// What each result code of the wire means to a person, for `mq explain NUMBER`. A code without an entry
// does not compile.

import type { Explanation } from '../core/error-explanations.ts'
import type { RESPONSE } from './codes.ts'

export const RESULT_EXPLANATIONS: Readonly<Record<keyof typeof RESPONSE, Explanation>> = {
  success: {
    means: 'Done; of a send: stored as durably as configured.',
    causes: [],
    fix: 'Nothing to do.',
  },
  systemError: {
    means: 'The server failed; the remark of its answer says at what.',
    causes: [
      'an argument that cannot be used',
      'nobody of the group is connected (request 38)',
      'an error inside the server',
    ],
    fix: 'Read the remark, then the log of the server.',
  },
  systemBusy: {
    means: 'Too much is waiting at the server.',
    causes: ['producers send faster than its disk writes', 'peers that do not read their answers'],
    fix: 'Send elsewhere or after a moment; clients do so by themselves.',
  },
  notSupported: {
    means: 'The server does not know the request code.',
    causes: ['a feature of another version or product'],
    fix: 'docs/PROTOCOL.md lists what is answered, and where.',
  },
  flushDiskTimeout: {
    means: 'Stored in memory, but the disk did not confirm it in time. mq never sends this.',
    causes: ['an Apache broker with synchronous flush on a slow disk'],
    fix: 'Treat it as not acknowledged, as our client does.',
  },
  slaveNotAvailable: {
    means: 'Stored, but there is no replica to store it as well. mq never sends this.',
    causes: ['an Apache broker that waits for replicas, and none is connected'],
    fix: 'Start the replica, or do not wait for it.',
  },
  flushSlaveTimeout: {
    means: 'Stored, but the replica did not confirm it in time. mq never sends this.',
    causes: ['an Apache broker with a slow replica'],
    fix: 'Treat it as not acknowledged, as our client does.',
  },
  messageIllegal: {
    means: 'The message breaks a limit or a rule; it was not stored, and repeating it is no use.',
    causes: [
      'a body of more than 4 MiB',
      'properties of more than 32,767 bytes',
      'a batch for a retry topic',
    ],
    fix: 'Change the message; the remark names the rule.',
  },
  serviceNotAvailable: {
    means: 'The broker takes no messages now.',
    causes: ['its disk is full', 'it is stopping', 'its disk has failed'],
    fix: 'mq doctor says which.',
  },
  noPermission: {
    means: 'The permission of the topic, broker or group says no.',
    causes: ['a topic without write or read permission', 'a broker that is being drained'],
    fix: 'mq topic show TOPIC; mq topic alter TOPIC --permission rw.',
  },
  topicNotExist: {
    means:
      'The server that was asked does not know the topic: of a nameserver, no broker offers it.',
    causes: [
      'it was never created',
      'its brokers are down',
      'this nameserver differs from the others',
    ],
    fix: 'mq topic list; mq route TOPIC --diff.',
  },
  topicExistAlready: {
    means: 'The topic is there already.',
    causes: ['it was created before'],
    fix: 'mq topic show TOPIC.',
  },
  pullNotFound: {
    means: 'No message at that offset yet. Not an error: the consumer asks again.',
    causes: ['the consumer has read everything'],
    fix: 'Nothing to do.',
  },
  pullRetryImmediately: {
    means:
      'Messages were looked at and none matched the filter. Not an error: the consumer goes on behind them.',
    causes: ['a filter that few messages match'],
    fix: 'Nothing to do.',
  },
  pullOffsetMoved: {
    means: 'The offset is outside the queue; the answer says where to go on.',
    causes: [
      'retention removed the messages',
      'the group was reset',
      'the broker has an empty data folder',
    ],
    fix: 'mq group show GROUP and mq topic show TOPIC show where both are.',
  },
  queryNotFound: {
    means: 'Nothing is stored under what was asked for: an offset, a key or a message.',
    causes: ['a group that is new to the queue', 'a setting of a nameserver that nobody put'],
    fix: 'Mostly nothing: clients ask this to find out.',
  },
  subscriptionParseFailed: {
    means: 'The filter expression cannot be read.',
    causes: ['tags not joined by ||', 'an expression of another kind than it was announced as'],
    fix: 'Write tags as "a || b", or "*" for all.',
  },
  subscriptionNotExist: {
    means: 'The broker has no heartbeat of the group for this topic.',
    causes: [
      'the broker was restarted and the next heartbeat is not there yet',
      'another member of the group subscribes to other topics and replaced the list',
    ],
    fix: 'mq group show GROUP says whether members subscribe differently; else wait for the next heartbeat.',
  },
  subscriptionNotLatest: {
    means: 'The pull knows a newer subscription than the heartbeats of the group.',
    causes: ['a subscription was changed a moment ago'],
    fix: 'Mostly nothing: the next heartbeat settles it.',
  },
  groupNotExist: {
    means: 'The broker does not know the group.',
    causes: ['nobody of it was ever connected', 'it was deleted'],
    fix: 'mq group list.',
  },
  consumerNotOnline: {
    means: 'Nobody of the group is connected to this broker.',
    causes: ['its members have stopped', 'they see other brokers'],
    fix: 'mq group show GROUP asks all brokers.',
  },
  flowControl: {
    means: 'Asked too often; try again in a moment. mq never sends this.',
    causes: ['an Apache broker that limits pulls'],
    fix: 'Nothing to do: clients wait and repeat.',
  },
  goAway: {
    means: 'The server wants the client to connect elsewhere. mq never sends this.',
    causes: ['an Apache proxy that is stopping'],
    fix: 'Nothing to do: clients connect anew.',
  },
  queuesChanged: {
    means:
      'The topic has other queues than the producer computed with; the message was not stored.',
    causes: ['the topic is being expanded or shrunk'],
    fix: 'Ask for the route and send again; our clients do so by themselves.',
  },
}
