// Every bound of the product in one place, each with its reason. Nothing grows without one.

const KiB = 1024
const MiB = 1024 * KiB

/** Apache peers close the connection above this, so nothing larger can be meant for us. */
export const FRAME_BYTES_MAX = 16 * MiB
/** The largest honest header is a batch answer of a few thousand message ids. */
export const HEADER_BYTES_MAX = 64 * KiB
/** Java sends about 15; twenty times that is no honest peer. */
export const FIELD_COUNT_MAX = 256
/** Bodies nest four deep; fastjson itself stops far later. */
export const JSON_DEPTH_MAX = 16
/** A client that has connected speaks at once. */
export const FIRST_FRAME_TIMEOUT_MS = 5_000
/** A started frame arrives whole within this, or the peer holds memory on purpose. */
export const FRAME_TIMEOUT_MS = 15_000
/** … and not slower than this, once it has had the time a lost packet costs. */
export const FRAME_RATE_MIN_BYTES_PER_SECOND = KiB
export const FRAME_RATE_GRACE_MS = 5_000
/** As Apache: four missed heartbeats of 30 s. */
export const IDLE_TIMEOUT_MS = 120_000
/** Above this a connection is not read from until its peer has read. */
export const OUTPUT_BYTES_MAX = 8 * MiB
/** How long a peer may leave its output full before it is closed. */
export const OUTPUT_STALL_TIMEOUT_MS = 30_000
/**
 * Connections of one server: a nameserver serves 10,000 clients and 1,000 brokers, and twice that
 * while a network that broke brings them back before the old connections are known to be dead.
 */
export const CONNECTION_COUNT_MAX = 24_000
/** Half of them: one machine of clients, or one address they share, cannot lock all others out. */
export const CONNECTIONS_PER_ADDRESS_MAX = CONNECTION_COUNT_MAX / 2
/** Started frames and unread answers of all peers of a server: 2,000 pulls' worth. */
export const IN_FLIGHT_BYTES_MAX = 512 * MiB
/** Requests one client connection may have outstanding. */
export const IN_FLIGHT_COUNT_MAX = 65_536

/** Apache's broker and Java producer both refuse above 4 MiB. */
export const MESSAGE_BYTES_MAX = 4 * MiB
/** The wire gives the property block a signed 16-bit length. */
export const PROPERTIES_BYTES_MAX = 32_767
/** One length byte on the wire, read as signed by Go and ali-ons. */
export const TOPIC_NAME_LENGTH_MAX = 127
/** %RETRY% + group must still be a topic name. */
export const GROUP_NAME_LENGTH_MAX = 120
/** Apache's mqadmin allows more, but the route of such a topic would not fit a sane answer. */
export const QUEUE_COUNT_MAX = 1024

/** Apache answers at most 32 messages or 256 KiB a pull; one message always. */
export const PULL_MESSAGES_MAX = 32
export const PULL_BYTES_MAX = 256 * KiB
/** Index entries looked at for one filtered pull before it says "nothing yet, go on there". */
export const PULL_SCAN_MAX = 800
/** Parked pulls of one broker; beyond it a pull is answered "not found" at once. */
export const PARKED_PULLS_MAX = 100_000
/** So that one client cannot take all of them; sixteen groups that read 1,024 queues each. */
export const PARKED_PULLS_PER_CONNECTION_MAX = 16_384
/** A client may ask to be parked at most this long. */
export const PARK_MS_MAX = 60_000

/** Bytes of sends waiting for their commit before new ones are answered "busy". */
export const PENDING_APPEND_BYTES_MAX = 64 * MiB
/** One commit's worth: keeps the pause of a commit, and of its replay, short. */
export const COMMIT_BYTES_MAX = 8 * MiB

/** A segment is the unit of retention: small enough to drop often, large enough to be few. */
export const SEGMENT_BYTES = 256 * MiB
/** Replaying this many entries after a crash takes well under a second. */
export const CHECKPOINT_ENTRIES = 250_000
/** A quiet broker's tail is short anyway; once a minute keeps its replay near zero. */
export const CHECKPOINT_INTERVAL_MS = 60_000
/** A full disk is tried again this often: soon enough to notice room, seldom enough to be quiet. */
export const DISK_FULL_RETRY_MS = 1_000
/** Decoded index blocks kept for readers of old messages: about 12 KiB each. */
export const INDEX_CACHE_BLOCKS_MAX = 2048
/** A commit is waited for this long: several fsyncs of a solid-state disk, no delay anyone notices. */
export const COMMIT_WAIT_MS_MAX = 1
/** After a wait that was too short the disk is left to its own pace for this long. */
export const COMMIT_WAIT_PAUSE_MS = 1_000
/** Larger batches are given away as they are; copying them would cost more than a message. */
export const HANDED_BYTES_MAX = 64 * KiB
/** Above this a batch is worth reading requests meanwhile. */
export const AWAITED_ENTRIES_MAX = 128
/** Committed bytes kept in memory for consumers that keep up: a third of a second at full load. */
export const RECENT_BATCHES_BYTES_MAX = 8 * MiB
/** Segments open for reading at once: three file descriptors and a page cache each. */
export const OPEN_SEGMENTS_MAX = 16

/** Replicas a nameserver keeps registered; a thousand brokers is the largest cluster we know of. */
export const REGISTRATION_COUNT_MAX = 10_000
/** Topic-on-broker pairs a nameserver keeps: 1,000 brokers with 1,000 topics each, twice. */
export const ROUTE_ENTRY_COUNT_MAX = 2_000_000
/** Route answers kept ready: 1,000 topics that each have queues on 1,000 brokers. */
export const ENCODED_ROUTES_BYTES_MAX = 256 * MiB
/** Topics one connection may watch; a client of more asks for the others every 30 s, as ever. */
export const WATCHED_TOPICS_MAX = 1_024
/** Watched topics of all connections, about 150 bytes each: 10,000 clients with 50 topics. */
export const WATCH_COUNT_MAX = 500_000
/** A watcher that has left this much unread is told no more until it reads: then the newest. */
export const WATCHER_UNREAD_BYTES_MAX = 64 * KiB
/** Nameservers of one cluster: each has a connection of every broker and is told everything. */
export const NAMESERVER_COUNT_MAX = 64
/** A broker may ask to be kept longer than the default when silent, within reason. */
export const BROKER_EXPIRY_MS_MAX = 3_600_000
/** Key-value settings of a nameserver: one per ordered topic, and the rest is small change. */
export const KV_ENTRY_COUNT_MAX = 10_000
/** The longest honest value lists every broker of an ordered topic. */
export const KV_TEXT_LENGTH_MAX = 16 * KiB

/** One registration names all topics of a broker, about 160 bytes each, in one frame. */
export const TOPIC_COUNT_MAX = 50_000

/** Groups one client may name in a heartbeat; a Java process rarely has ten. */
export const HEARTBEAT_GROUPS_MAX = 1_024
/** As Apache: twice as long as a client trusts a lock that it could not renew. */
export const LOCK_EXPIRY_MS = 60_000
/** Locks of ordered consumers; a hundred groups that read 1,024 queues each. */
export const QUEUE_LOCKS_MAX = 100_000
/** Topics one group may subscribe to. */
export const SUBSCRIPTIONS_MAX = 1_024
/**
 * A queue whose first message is among this much of the newest log is "young": a group that is new to
 * it starts at its beginning. Apache asks whether the message is still in memory (40 % of it).
 */
export const HOT_LOG_BYTES = 1024 * MiB

/** Ids that `mq consume --dedupe` remembers: duplicates come minutes after, not millions of messages. */
export const SEEN_IDS_MAX = 1_000_000

/**
 * A deletion is remembered this long: a broker that was away for longer brings its part of the topic
 * back. Nobody repairs a machine for a month and then expects its old topics.
 */
export const TOMBSTONE_AGE_MS_MAX = 30 * 86_400_000
/** Brokers keep one a little longer than they register it, so that clocks need not agree to the day. */
export const TOMBSTONE_GRACE_MS = 2 * 86_400_000
/** Newest deletions a broker remembers, about 100 bytes each in every registration. */
export const TOMBSTONE_COUNT_MAX = 10_000
/** A nameserver forgets what no broker has registered for a day: their own memory of it has ended. */
export const TOMBSTONE_UNHEARD_MS_MAX = 86_400_000
/** Groups noted with a deleted topic, to be sent to the start of its successor. */
export const TOMBSTONE_GROUPS_MAX = 100
/** Birth ids one deletion may name: a header's worth; one topic rarely has two. */
export const BIRTH_IDS_MAX = 1_000
/**
 * What a topic was born with elsewhere, as far as a broker remembers it: each of them took a creation that
 * could not see the others. It is registered with the topic.
 */
export const TWIN_IDS_MAX = 32
/** News in one answer to a registration; the rest comes with the next. */
export const REGISTRATION_NEWS_MAX = 1_000
/**
 * How long a new topic's brokers register where its queues were to be: a broker that missed the
 * creation makes its part then. Later it is just a topic on fewer brokers.
 */
export const TOPIC_PLAN_MS_MAX = 3_600_000
/**
 * What lies behind the change of a topic's queues is held back from groups at most this long, whoever asks
 * for it: a change is led by somebody who waits for it.
 */
export const CHANGE_HOLD_MS_MAX = 7 * 86_400_000
/** Questions of administrators to one consumer that a broker passes on at a time: people look now and then. */
export const RELAYS_PER_MEMBER_MAX = 64
/** A name has at most 253 characters, and then there is the port. Every route repeats those of its brokers. */
export const ADDRESS_LENGTH_MAX = 260

/** A change of queues is one attempt higher than the last; one far beyond would block all later ones. */
export const CHANGE_ATTEMPT_STEP_MAX = 1_000_000
/** Groups released one by one from a change: all their names are written again with each. */
export const RELEASED_GROUPS_MAX = 1_000
