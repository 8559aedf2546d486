/* The storage core in plain C: checksums and byte formats, nothing else. It knows no SQLite and no
 * files, allocates nothing, keeps no state after load and can be called from any thread.
 *
 * Ownership: every pointer handed in belongs to the caller and must outlive the call; every pointer
 * handed out (mq_entry.payload, the fields of mq_record, mq_property) points into the bytes that
 * were parsed and dies with them. No function trusts a length it read.
 *
 * src/store/native-twin.ts and src/store/index-block.ts do the same in TypeScript and are the
 * specification; docs/STORAGE.md is the same in prose. All numbers in bytes are big-endian. */
#ifndef MQCORE_H
#define MQCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- CRC32C ---------------------------------------------------------------------------------- */

/* The checksum of everything checksummed as `crc` (0 for nothing) followed by `bytes`. By the CPU's
 * instruction where there is one. */
uint32_t mq_crc32c(uint32_t crc, const void *bytes, size_t count);

/* The same by table, for CPUs without the instruction; public so that the tests reach it. */
uint32_t mq_crc32c_table(uint32_t crc, const void *bytes, size_t count);

/* ---- Packed batch ---------------------------------------------------------------------------- */

/* Entries back to back:
 *
 *   | payload length | kind | zero | topic id | queue id | payload … |
 *   |       4        |  1   |  3   |    4     |    4     |          |
 */
enum { MQ_ENTRY_HEADER_BYTES = 16, MQ_TOPIC_ID_MAX = (1 << 21) - 1 };

enum { MQ_KIND_MESSAGE = 1, MQ_KIND_STATE = 2, MQ_KIND_INDEX_BLOCK = 128 };

typedef struct {
  uint8_t kind;
  uint32_t topic_id;
  uint32_t queue_id;
  const uint8_t *payload;
  size_t payload_bytes;
} mq_entry;

/* Reads the entry at `*at` of a batch and moves `*at` behind it. Returns NULL, or what is wrong
 * with the batch as static text. Ends when *at == batch_bytes; must not be called then. Index blocks are
 * checked down to their own checksum. */
const char *mq_batch_next(const uint8_t *batch, size_t batch_bytes, size_t *at, mq_entry *entry);

/* The checksum a stored entry carries: CRC32C over
 *
 *   | position | kind | epoch | topic id | queue id | chain | payload … |
 *   |    8     |  1   |   4   |    4     |    4     |   4   |          |
 *
 * `chain` is the checksum of the entry before, 0 for the very first of a log. */
uint32_t mq_entry_crc(int64_t position, uint32_t epoch, uint32_t chain, const mq_entry *entry);

/* ---- Index block ----------------------------------------------------------------------------- */

/* The layout is drawn in src/store/index-block.ts. */
enum {
  MQ_BLOCK_COUNT_MAX = 512,
  MQ_BLOCK_HEADER_BYTES = 48,
  MQ_BLOCK_MESSAGE_BYTES = 12,
  MQ_BLOCK_BYTES_MAX = MQ_BLOCK_HEADER_BYTES + MQ_BLOCK_COUNT_MAX * MQ_BLOCK_MESSAGE_BYTES
};

typedef struct {
  uint32_t topic_id;
  uint32_t queue_id;
  uint32_t count;
  int64_t first_offset;
  int64_t base_position;
  int64_t first_time_ms;
  int64_t last_time_ms;
  const uint8_t *messages; /* count * MQ_BLOCK_MESSAGE_BYTES */
} mq_block;

typedef struct {
  int64_t position;
  uint32_t payload_bytes;
  int32_t tags_hash;
} mq_block_message;

/* Returns NULL, or what is wrong as static text. */
const char *mq_block_decode(const uint8_t *bytes, size_t count, mq_block *block);

/* The message number `index` (below block->count) of a decoded block. */
mq_block_message mq_block_at(const mq_block *block, uint32_t index);

/* Writes a block of `block->count` messages (block->messages is not read, base_position is taken
 * from the first message) into `target`, which has room for MQ_BLOCK_BYTES_MAX. Returns the bytes
 * written, 0 if the messages do not fit one block (none, too many, positions too far apart). */
size_t mq_block_encode(const mq_block *block, const mq_block_message *messages, uint8_t *target);

/* Selects up to `limit` messages from queue offset `from_offset` on whose tags hash is among `tags`
 * (`tags_count` big-endian int32; tags == NULL selects all). Writes their positions as big-endian
 * int64 to `positions` (room for min(limit, block->count) * 8 bytes), their number to
 * `*selected`, and returns one past the last offset looked at. */
int64_t mq_block_filter(const mq_block *block, int64_t from_offset, uint32_t limit,
                        const uint8_t *tags, size_t tags_count, uint8_t *positions,
                        uint32_t *selected);

/* ---- Stored message -------------------------------------------------------------------------- */

/* One message exactly as a pull answer carries it (docs/PROTOCOL.md, stored message). Text is UTF-8
 * as it came from the peer, not terminated and not checked. */
typedef struct {
  int32_t queue_id;
  int32_t flag;
  int64_t queue_offset;
  int64_t position;
  int32_t system_flag;
  int64_t born_time_ms;
  const uint8_t *born_host; /* address, then port as 4 bytes */
  size_t born_host_bytes;   /* 8, or 20 for IPv6 */
  int64_t store_time_ms;
  const uint8_t *store_host;
  size_t store_host_bytes;
  int32_t reconsume_times;
  const uint8_t *body;
  size_t body_bytes;
  const char *topic;
  size_t topic_bytes;
  const char *properties;
  size_t properties_bytes;
} mq_record;

enum { MQ_SYSTEM_FLAG_COMPRESSED = 0x1 };

/* False if the bytes are not exactly one stored message. */
bool mq_record_parse(const uint8_t *bytes, size_t count, mq_record *record);

typedef struct {
  const char *name;
  size_t name_bytes;
  const char *value;
  size_t value_bytes;
} mq_property;

/* The next property from `*at` (start with 0) that has a name and a value; false at the end. */
bool mq_property_next(const mq_record *record, size_t *at, mq_property *property);

/* The value of the last property called `name`, as Java's map would keep it; false without one. */
bool mq_property_find(const mq_record *record, const char *name, mq_property *property);

/* Java's String.hashCode of UTF-8 text, 0 for none: what consumers' tag filters are compared with.
 * A malformed sequence counts as U+FFFD per byte that does not start a character. */
int32_t mq_tags_hash(const char *text, size_t count);

bool mq_is_utf8(const char *text, size_t count);

#endif
