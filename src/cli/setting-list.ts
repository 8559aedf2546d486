// Every setting once: its name (the same word as flag and as key of the configuration file), what it may
// be, which role it belongs to, and whether a running node takes over another value. Flags, file, `mq
// config`, the reload and the help all read this; docs/CONFIGURATION.md is held to it by a test.

export type Role = 'client' | 'nameserver' | 'broker'

export type Kind =
  | 'name'
  | 'address'
  | 'seeds'
  | 'server'
  | 'path'
  | 'duration'
  | 'interval'
  | 'bytes'
  | 'count'
  | 'switch'
  | 'flush'
  | 'level'

export interface Setting {
  key: string
  kind: Kind
  roles: readonly Role[]
  /** What it is, in a line: for --help. */
  help: string
  /** What else there is to know, for `mq config explain`. */
  more: string
  /** As a person would write it; shown in help and by `mq config show`. */
  fallback: Readonly<Partial<Record<Role, string>>>
  /** Whether a running node takes over another value from its file. */
  isLive: boolean
}

export const SETTINGS: readonly Setting[] = [
  {
    key: 'nameservers',
    kind: 'seeds',
    roles: ['client', 'broker'],
    help: 'the nameservers of the cluster',
    more: 'Each is HOST:PORT, or dns:NAME:PORT for every address that DNS lists under a name, asked for again when its time to live ends. A broker registers with all of them, a client uses one until it fails. Their order does not matter.',
    fallback: { client: '127.0.0.1:9876', broker: '127.0.0.1:9876' },
    isLive: true,
  },
  {
    key: 'dns-server',
    kind: 'server',
    roles: ['client', 'broker'],
    help: 'DNS server for dns: seeds; default: those of the system',
    more: 'Names among the nameservers are looked up there and nowhere else.',
    fallback: {},
    isLive: true,
  },
  {
    key: 'route-interval',
    kind: 'interval',
    roles: ['client'],
    help: 'how often routes are asked for anew',
    more: 'Upper bound of how long a client goes on without a broker that joined, where the nameserver pushes no routes.',
    fallback: { client: '30s' },
    isLive: false,
  },
  {
    key: 'listen',
    kind: 'address',
    roles: ['nameserver', 'broker'],
    help: 'address to serve on; port 0 takes a free one',
    more: '0.0.0.0 serves on every address of the machine.',
    fallback: { nameserver: '127.0.0.1:9876', broker: '127.0.0.1:10911' },
    isLive: false,
  },
  {
    key: 'scan-interval',
    kind: 'interval',
    roles: ['nameserver'],
    help: 'how often silent brokers are looked for',
    more: 'Together with broker-expiry it bounds how long a hanging broker stays in the routes.',
    fallback: { nameserver: '10s' },
    isLive: true,
  },
  {
    key: 'broker-expiry',
    kind: 'interval',
    roles: ['nameserver'],
    help: 'a broker silent for longer leaves the routes',
    more: 'A broker that is registered already gets the new limit with its next heartbeat.',
    fallback: { nameserver: '2m' },
    isLive: true,
  },
  {
    key: 'name',
    kind: 'name',
    roles: ['broker'],
    help: 'name of this broker, unique in its cluster',
    more: 'Routes, message ids and the default data folder carry it.',
    fallback: { broker: 'broker-a' },
    isLive: false,
  },
  {
    key: 'cluster',
    kind: 'name',
    roles: ['broker'],
    help: 'name of the cluster it belongs to',
    more: 'New topics go to all brokers of one cluster.',
    fallback: { broker: 'DefaultCluster' },
    isLive: false,
  },
  {
    key: 'advertise',
    kind: 'address',
    roles: ['broker'],
    help: 'address clients are told to use; default: the one listened on',
    more: 'It has to be reachable by clients and nameservers; message ids carry it as an IPv4 address.',
    fallback: {},
    isLive: false,
  },
  {
    key: 'data',
    kind: 'path',
    roles: ['broker'],
    help: 'folder for everything stored',
    more: 'It belongs to one broker at a time.',
    fallback: { broker: './mq-data/NAME' },
    isLive: false,
  },
  {
    key: 'flush',
    kind: 'flush',
    roles: ['broker'],
    help: 'sync: acknowledged means on disk; async: faster, a power cut loses the newest messages',
    more: 'mq broker --explain says what each survives.',
    fallback: { broker: 'sync' },
    isLive: false,
  },
  {
    key: 'auto-create',
    kind: 'switch',
    roles: ['broker'],
    help: 'create a topic when a message for an unknown one arrives',
    more: 'Off, a topic is made by mq topic create only, on all brokers at once.',
    fallback: { broker: 'off' },
    isLive: false,
  },
  {
    key: 'default-queues',
    kind: 'count',
    roles: ['broker'],
    help: 'queues of a topic that is created automatically, per broker',
    more: 'A producer may ask for fewer.',
    fallback: { broker: '8' },
    isLive: false,
  },
  {
    key: 'heartbeat-interval',
    kind: 'interval',
    roles: ['broker'],
    help: 'how often it registers with each nameserver',
    more: 'A change of the topics is registered at once, whatever the interval.',
    fallback: { broker: '30s' },
    isLive: true,
  },
  {
    key: 'retention',
    kind: 'duration',
    roles: ['broker'],
    help: 'messages older than this may be deleted',
    more: 'Whole segments go, the one being written never; looked at every 10 s.',
    fallback: { broker: '72h' },
    isLive: true,
  },
  {
    key: 'retention-size',
    kind: 'bytes',
    roles: ['broker'],
    help: 'delete the oldest messages above this size; 0 is no limit',
    more: 'Of everything stored on this broker, by whole segments.',
    fallback: { broker: '0' },
    isLive: true,
  },
  {
    key: 'log',
    kind: 'level',
    roles: ['nameserver', 'broker'],
    help: 'debug, info, warn or error, on stderr',
    more: 'Lines of this level and above are written.',
    fallback: { nameserver: 'info', broker: 'info' },
    isLive: true,
  },
  {
    key: 'watch-config',
    kind: 'switch',
    roles: ['nameserver', 'broker'],
    help: 'reload the configuration file when it changes',
    more: 'A second after the file has stopped changing. Off, a change waits for mq reload or SIGHUP, so that saving a file changes nothing by itself.',
    fallback: { nameserver: 'off', broker: 'off' },
    isLive: true,
  },
]

export function settingsOf(role: Role): Setting[] {
  return SETTINGS.filter((setting) => setting.roles.includes(role))
}
