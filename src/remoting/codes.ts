// The numbers of the RocketMQ remoting protocol, under our names. The protocol's own spellings stop
// here; docs/PROTOCOL.md has the table with both.

export const REQUEST = {
  changeQueues: 61_020,
  describeQueueChange: 61_021,
  sendMessage: 10,
  pullMessage: 11,
  queryMessage: 12,
  queryConsumerOffset: 14,
  updateConsumerOffset: 15,
  createTopic: 17,
  getAllTopicConfig: 21,
  getBrokerConfig: 26,
  getBrokerRuntimeInfo: 28,
  searchOffset: 29,
  getMaxOffset: 30,
  getMinOffset: 31,
  getEarliestStoreTime: 32,
  viewMessage: 33,
  heartbeat: 34,
  unregisterClient: 35,
  consumerSendBack: 36,
  endTransaction: 37,
  getConsumerList: 38,
  checkTransaction: 39,
  notifyConsumersChanged: 40,
  lockQueues: 41,
  unlockQueues: 42,
  getAllConsumerOffset: 43,
  checkClientConfig: 46,
  putKvConfig: 100,
  getKvConfig: 101,
  deleteKvConfig: 102,
  registerBroker: 103,
  unregisterBroker: 104,
  getRoute: 105,
  getClusterInfo: 106,
  updateGroup: 200,
  getAllGroupConfig: 201,
  getTopicStats: 202,
  getConsumerConnections: 203,
  getProducerConnections: 204,
  wipeWritePermission: 205,
  getTopicList: 206,
  deleteGroup: 207,
  getConsumeStats: 208,
  deleteTopicInBroker: 215,
  deleteTopicInNameserver: 216,
  registerTopicInNameserver: 217,
  getKvList: 219,
  resetClientOffset: 220,
  getClientStatus: 221,
  resetOffset: 222,
  getTopicsByCluster: 224,
  queryTopicConsumers: 300,
  getSystemTopicsFromNameserver: 304,
  getSystemTopicsFromBroker: 305,
  getConsumerRunningInfo: 307,
  sendMessageCompact: 310,
  getUnitTopics: 311,
  getUnitSubTopics: 312,
  getUnitSubNonUnitTopics: 313,
  updateNameserverConfig: 318,
  getNameserverConfig: 319,
  sendBatch: 320,
  queryDataVersion: 322,
  addWritePermission: 327,
  getTopicConfig: 351,
  getGroupConfig: 352,
  litePullMessage: 361,
  queryAssignment: 400,
  getBrokerMemberGroup: 901,
  brokerHeartbeat: 904,
  /** Ours (61,000…61,099): what RocketMQ lacks. Always optional; see docs/PROTOCOL.md. */
  describeRegistrations: 61_000,
  watchRoutes: 61_001,
  routeChanged: 61_002,
  drainBroker: 61_010,
  describeDrain: 61_011,
  describeGroup: 61_030,
  reloadConfig: 61_040,
} as const

export const RESPONSE = {
  success: 0,
  systemError: 1,
  systemBusy: 2,
  notSupported: 3,
  flushDiskTimeout: 10,
  slaveNotAvailable: 11,
  flushSlaveTimeout: 12,
  messageIllegal: 13,
  serviceNotAvailable: 14,
  noPermission: 16,
  topicNotExist: 17,
  topicExistAlready: 18,
  pullNotFound: 19,
  pullRetryImmediately: 20,
  pullOffsetMoved: 21,
  queryNotFound: 22,
  subscriptionParseFailed: 23,
  subscriptionNotExist: 24,
  subscriptionNotLatest: 25,
  groupNotExist: 26,
  consumerNotOnline: 206,
  flowControl: 215,
  goAway: 1500,
  /** Ours, to producers that send along which queues they computed with: they have changed. */
  queuesChanged: 61_022,
} as const

/** Wire names by number; a NODE_JS exists only in peers nobody has released yet. */
export const LANGUAGES = [
  'JAVA',
  'CPP',
  'DOTNET',
  'PYTHON',
  'DELPHI',
  'ERLANG',
  'RUBY',
  'OTHER',
  'HTTP',
  'GO',
  'PHP',
  'OMS',
  'RUST',
] as const
export const LANGUAGE_OTHER = 7

/**
 * What we claim to be: RocketMQ 4.9.7. Java clients gate on it: SQL filters need 232 or more in a
 * heartbeat answer, and 5.x servers expect extra body parts from 413 on.
 */
export const PROTOCOL_VERSION = 407

export const FLAG_RESPONSE = 1
export const FLAG_ONEWAY = 2

/** Ours among the bits of a topic's system flag: keyed producers keep the queues they have. */
export const TOPIC_FLAG = { isChanging: 1 << 16 } as const

/** Bits of a topic's permission. */
export const PERMISSION = { inherit: 1, write: 2, read: 4 } as const

/** The broker id of a master; anything else is a replica. */
export const MASTER_ID = 0

/** Topics a server makes by itself. */
export const AUTO_CREATE_TOPIC = 'TBW102'
export const RETRY_TOPIC_PREFIX = '%RETRY%'
export const DEAD_LETTER_TOPIC_PREFIX = '%DLQ%'
