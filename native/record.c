/* The stored message: taking apart what a producer's peer put together, trusting nothing. */
#include "mqcore.h"

#include <string.h>

#include "bytes.h"

static const uint32_t MAGIC_V1 = 0xDAA320A7u; /* one length byte before the topic */
static const uint32_t MAGIC_V2 = 0xDAA320ABu; /* two */

enum { FLAG_BORN_IPV6 = 0x10, FLAG_STORE_IPV6 = 0x20 };

/* Walks a record; once it has asked for more than there is, it stays failed and answers zeroes. */
typedef struct {
  const uint8_t *at;
  size_t left;
  bool is_failed;
} cursor;

static const uint8_t *take(cursor *from, size_t count) {
  static const uint8_t zeroes[20];
  if (from->is_failed || count > from->left) {
    from->is_failed = true;
    return zeroes;
  }
  const uint8_t *taken = from->at;
  from->at += count;
  from->left -= count;
  return taken;
}

static uint32_t take_u32(cursor *from) { return get_u32(take(from, 4)); }

static int64_t take_i64(cursor *from) { return get_i64(take(from, 8)); }

/* Bytes whose number was read just before; the pointer must not be used if the cursor failed. */
static const uint8_t *take_counted(cursor *from, size_t count, size_t *taken) {
  *taken = count;
  return take(from, count);
}

bool mq_record_parse(const uint8_t *bytes, size_t count, mq_record *record) {
  cursor from = {.at = bytes, .left = count, .is_failed = false};
  if (take_u32(&from) != count) return false;
  uint32_t magic = take_u32(&from);
  if (magic != MAGIC_V1 && magic != MAGIC_V2) return false;
  take_u32(&from); /* checksum of the body, for other brokers; ours covers the whole entry */
  record->queue_id = (int32_t)take_u32(&from);
  record->flag = (int32_t)take_u32(&from);
  record->queue_offset = take_i64(&from);
  record->position = take_i64(&from);
  record->system_flag = (int32_t)take_u32(&from);
  record->born_time_ms = take_i64(&from);
  size_t born_bytes = (record->system_flag & FLAG_BORN_IPV6) != 0 ? 20 : 8;
  record->born_host = take_counted(&from, born_bytes, &record->born_host_bytes);
  record->store_time_ms = take_i64(&from);
  size_t store_bytes = (record->system_flag & FLAG_STORE_IPV6) != 0 ? 20 : 8;
  record->store_host = take_counted(&from, store_bytes, &record->store_host_bytes);
  record->reconsume_times = (int32_t)take_u32(&from);
  take_i64(&from); /* prepared transaction offset */
  record->body = take_counted(&from, take_u32(&from), &record->body_bytes);
  size_t topic_bytes = magic == MAGIC_V1 ? *take(&from, 1) : get_u16(take(&from, 2));
  record->topic = (const char *)take_counted(&from, topic_bytes, &record->topic_bytes);
  size_t properties_bytes = get_u16(take(&from, 2));
  record->properties =
      (const char *)take_counted(&from, properties_bytes, &record->properties_bytes);
  return !from.is_failed && from.left == 0;
}

/* name 0x01 value 0x02 name 0x01 value 0x02 …; some writers leave out the last 0x02. */
bool mq_property_next(const mq_record *record, size_t *at, mq_property *property) {
  while (*at < record->properties_bytes) {
    const char *pair = record->properties + *at;
    size_t left = record->properties_bytes - *at;
    const char *end = memchr(pair, 2, left);
    size_t pair_bytes = end == NULL ? left : (size_t)(end - pair);
    *at += end == NULL ? left : pair_bytes + 1;
    const char *split = memchr(pair, 1, pair_bytes);
    if (split == NULL || split == pair || split + 1 == pair + pair_bytes) continue;
    property->name = pair;
    property->name_bytes = (size_t)(split - pair);
    property->value = split + 1;
    property->value_bytes = pair_bytes - property->name_bytes - 1;
    return true;
  }
  return false;
}

bool mq_property_find(const mq_record *record, const char *name, mq_property *property) {
  size_t name_bytes = strlen(name);
  size_t at = 0;
  bool is_found = false;
  mq_property candidate;
  while (mq_property_next(record, &at, &candidate)) {
    if (candidate.name_bytes != name_bytes || memcmp(candidate.name, name, name_bytes) != 0) {
      continue;
    }
    *property = candidate;
    is_found = true;
  }
  return is_found;
}

/* One character of UTF-8 at `text`; NO_CHARACTER, of one byte, where none starts. */
enum { NO_CHARACTER = -1 };

static int32_t next_character(const uint8_t *text, size_t left, size_t *used) {
  static const struct {
    uint8_t mask, lead;
    uint32_t first; /* smaller ones are overlong */
  } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
  for (size_t extra = 0; extra < 4; extra++) {
    if ((text[0] & forms[extra].mask) != forms[extra].lead) continue;
    uint32_t character = text[0] & (uint8_t)~forms[extra].mask;
    size_t i = 1;
    if (extra >= left) break;
    while (i <= extra && (text[i] & 0xc0) == 0x80) character = character << 6 | (text[i++] & 0x3fu);
    bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
    if (i <= extra || character < forms[extra].first || character > 0x10ffff || is_surrogate) break;
    *used = extra + 1;
    return (int32_t)character;
  }
  *used = 1;
  return NO_CHARACTER;
}

bool mq_is_utf8(const char *text, size_t count) {
  size_t used;
  for (size_t at = 0; at < count; at += used) {
    if (next_character((const uint8_t *)text + at, count - at, &used) == NO_CHARACTER) return false;
  }
  return true;
}

int32_t mq_tags_hash(const char *text, size_t count) {
  uint32_t hash = 0;
  size_t used;
  for (size_t at = 0; at < count; at += used) {
    int32_t next = next_character((const uint8_t *)text + at, count - at, &used);
    uint32_t character = next == NO_CHARACTER ? 0xfffd : (uint32_t)next;
    if (character >= 0x10000) { /* UTF-16, as Java counts: a pair of surrogates */
      hash = 31 * hash + (0xd800 + ((character - 0x10000) >> 10));
      character = 0xdc00 + ((character - 0x10000) & 0x3ff);
    }
    hash = 31 * hash + character;
  }
  return (int32_t)hash;
}
