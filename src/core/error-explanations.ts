// What each error code means to a person: the words behind `mq explain CODE`. A code without an entry
// does not compile.

import type { ErrorCode } from './errors.ts'

export interface Explanation {
  means: string
  /** What it usually comes from, the most frequent first. */
  causes: readonly string[]
  /** The next step. */
  fix: string
}

export const ERROR_EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  INTERNAL: {
    means: 'Something failed that has no code of its own, here or at the peer that answered.',
    causes: [
      'mq simulate, drill, sim or demo saw something that was not as expected; its message says what',
      'an error inside a broker or nameserver, told in its answer',
      'a fault in mq itself',
    ],
    fix: 'Read the log of the peer that is named. If it is mq, run the same with MQ_DEBUG=1 and report what it prints.',
  },
  USAGE: {
    means: 'The command line has a word, option or value that cannot be used; nothing was done.',
    causes: ['a misspelt option', 'a value of the wrong kind', 'options that exclude each other'],
    fix: 'mq COMMAND --help has examples.',
  },
  CONFIG_INVALID: {
    means: 'The configuration has a key or value that cannot be used; it was refused as a whole.',
    causes: ['a misspelt key', 'a value of the wrong kind or out of bounds'],
    fix: 'mq config check names line and key; mq config show says what holds and where it comes from.',
  },
  TOPIC_INVALID: {
    means: 'The name cannot be a topic: 1 to 127 of the characters A-Z a-z 0-9 _ - % |.',
    causes: ['a space, a dot or a slash in the name', 'a variable of a script that was empty'],
    fix: 'Choose another name.',
  },
  GROUP_INVALID: {
    means: 'The name cannot be a group: 1 to 120 of the characters A-Z a-z 0-9 _ - % |.',
    causes: ['a space, a dot or a slash in the name', 'a variable of a script that was empty'],
    fix: 'Choose another name.',
  },
  TOPIC_NOT_FOUND: {
    means: 'None of the nameservers or brokers that were asked has the topic.',
    causes: [
      'the topic was never created, and brokers do not create topics by themselves (auto-create)',
      'the name is misspelt, or the nameservers are those of another cluster',
      'its brokers are down, or do not reach the nameserver that was asked',
    ],
    fix: 'mq topic list shows what there is; mq topic create TOPIC makes it; mq route TOPIC --diff shows whether nameservers differ.',
  },
  TOPIC_EXISTS: {
    means: 'The topic is there already; it was left as it is.',
    causes: ['it was created before, perhaps automatically by a first message'],
    fix: 'mq topic show TOPIC shows it; mq topic alter TOPIC changes it.',
  },
  GROUP_NOT_FOUND: {
    means: 'No broker that was asked knows the consumer group, or nobody of it is connected.',
    causes: [
      'the name is misspelt',
      'the group never consumed in this cluster',
      'all its members have stopped',
    ],
    fix: 'mq group list shows the groups there are.',
  },
  BROKER_NOT_FOUND: {
    means: 'No nameserver lists a broker of this name.',
    causes: [
      'the name is misspelt',
      'the broker has stopped, or was silent for two minutes',
      'it registers with other nameservers',
    ],
    fix: 'mq cluster lists the brokers; mq route --brokers says when each was last heard of.',
  },
  QUEUE_NOT_FOUND: {
    means: 'The topic has no queue of this number on that broker.',
    causes: [
      'the topic has fewer queues now than the client believes',
      'a queue number that was typed or stored elsewhere',
    ],
    fix: 'mq topic show TOPIC lists the queues.',
  },
  OFFSET_NOT_FOUND: {
    means: 'The group has not committed an offset in this queue.',
    causes: ['the group is new to the queue'],
    fix: 'Start it at a place of your choice: mq consume --from, or mq group reset.',
  },
  OFFSET_OUT_OF_RANGE: {
    means: 'The queue does not hold the offset that was asked for.',
    causes: ['retention removed the message', 'the broker was started on an empty data folder'],
    fix: 'mq topic show TOPIC shows the first and last offset of each queue; mq group reset moves a group.',
  },
  MESSAGE_NOT_FOUND: {
    means: 'There is no message at the place that was asked for.',
    causes: ['retention removed it', 'the id is of another cluster, or not complete'],
    fix: 'Look for it by time: mq consume TOPIC --from @TIME --count 10.',
  },
  MESSAGE_TOO_LARGE: {
    means: 'The message is larger than the broker takes (4 MiB at most); it was not stored.',
    causes: ['a file or batch sent as one message'],
    fix: 'Split it, or store it elsewhere and send where it is.',
  },
  MESSAGE_INVALID: {
    means:
      'The message breaks a rule of the protocol; it was not stored, and repeating it is no use.',
    causes: [
      'properties of more than 32,767 bytes',
      'a property name or value with control characters 1 or 2',
      'an empty body from a client that may not send one',
    ],
    fix: 'The message of the error says which rule; change the message.',
  },
  NO_PERMISSION: {
    means: 'The permission of the topic, broker or nameserver does not allow this.',
    causes: [
      'the topic is read-only or write-only',
      'its broker is being drained',
      'an administrative request that is refused from afar',
    ],
    fix: 'mq topic show TOPIC shows permissions; mq topic alter TOPIC --permission rw opens it; mq undrain BROKER brings a broker back.',
  },
  QUEUES_CHANGED: {
    means:
      'The number of queues of the topic changed while a message was on its way; it was not stored.',
    causes: ['the topic is being expanded or shrunk, and this producer had not heard of it'],
    fix: 'Send it again: clients that know of it ask for the new route and do so by themselves.',
  },
  NOT_SUPPORTED: {
    means: 'The peer does not know the request or feature.',
    causes: [
      'an older mq, or an Apache server asked for something of our own',
      'a feature that is not built yet (delays, transactions)',
    ],
    fix: 'mq cluster shows the versions; docs/PROTOCOL.md lists what is answered.',
  },
  BROKER_BUSY: {
    means: 'More is waiting at the broker than it may hold; the message was not stored.',
    causes: [
      'producers send faster than the disk writes',
      'consumers that do not read what they asked for',
    ],
    fix: 'Send again after a moment or elsewhere (clients do); spread the topic over more brokers.',
  },
  BROKER_READ_ONLY: {
    means: 'The broker takes no messages now, but can be read from.',
    causes: ['its disk is full', 'it is stopping'],
    fix: 'mq doctor says which; make room on its disk.',
  },
  DISK_FULL: {
    means: 'There is no room left where something had to be written; what was there is untouched.',
    causes: [
      'the disk of the data folder is full, or a quota is used up',
      'standard output goes to a full disk',
    ],
    fix: 'Make room, or keep less: --retention 24h, --retention-size 100GiB.',
  },
  DATA_FOLDER_LOCKED: {
    means: 'Another broker process uses the data folder.',
    causes: ['the broker runs already', 'two brokers were given the same --data'],
    fix: 'Stop the other one, or give this one a folder of its own with --data DIR.',
  },
  DATA_FOLDER_UNUSABLE: {
    means: 'The data folder cannot be read or written, or the native core cannot be loaded.',
    causes: [
      'it belongs to another user',
      'it is on a read-only file system',
      'the temporary folder is mounted noexec, full or read-only',
    ],
    fix: 'mq doctor --data DIR looks at both; set TMPDIR if it is the temporary folder.',
  },
  DATA_CORRUPT: {
    means:
      'Stored data is not what was written; the broker refuses it instead of serving half of it.',
    causes: [
      'a file was removed, renamed, or copied from another folder',
      'a damaged disk',
      'a copy of a folder that a broker was writing',
    ],
    fix: 'Keep the folder, restore it from a copy, and read the hint of the error: it names the file.',
  },
  DISK_FAILED: {
    means:
      'A write or sync failed, so nobody knows what is on the disk; the broker ended (exit code 70).',
    causes: ['a failing disk or controller', 'a network file system that went away'],
    fix: 'See the log of the kernel; start the broker again: recovery decides what is whole.',
  },
  PORT_IN_USE: {
    means: 'Another process listens on the address.',
    causes: ['the node runs already', 'another program has the port'],
    fix: 'Choose another with --listen HOST:PORT, or port 0 for any.',
  },
  ADDRESS_INVALID: {
    means: 'The text is not an address, or the address cannot be used here.',
    causes: [
      'the port is missing',
      'a host name without an IPv4 address',
      'an address this machine does not have',
    ],
    fix: 'Write HOST:PORT, for example 127.0.0.1:9876.',
  },
  UNREACHABLE: {
    means: 'No connection could be made, or the nameserver knows no broker that serves.',
    causes: [
      'nothing runs there',
      'a firewall is between',
      'a broker advertises an address that only works inside its container',
    ],
    fix: 'mq doctor walks the whole way and says where it ends.',
  },
  CONNECTION_CLOSED: {
    means:
      'The peer closed the connection before it had answered; whether it did what was asked is not known.',
    causes: ['it was stopped or killed', 'it refused the connection: too many, or it is full'],
    fix: 'Look whether it still runs (mq doctor), then repeat.',
  },
  TIMED_OUT: {
    means: 'No answer in time; whether the peer did what was asked is not known.',
    causes: [
      'the peer is overloaded, frozen or stopped',
      'packets are dropped on the way',
      'the time limit is too short',
    ],
    fix: 'Allow more with --timeout, or find the slow peer with mq doctor --probe.',
  },
  PROTOCOL: {
    means: 'A peer sent something that does not follow the protocol.',
    causes: [
      'the port belongs to another service',
      'TLS or a proxy is in between',
      'a peer of a version that nobody has tried',
    ],
    fix: 'Check host and port; 9876 is a nameserver, 10911 a broker.',
  },
  PARTIAL: {
    means: 'Some of it was done or could be asked, the rest is named on standard error.',
    causes: ['one of several nameservers or brokers did not answer', 'a time limit ended the work'],
    fix: 'Run the same command again; what is done already stays done.',
  },
}
