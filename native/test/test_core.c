/* Goal: the plain C core computes what docs/STORAGE.md says and survives any bytes. Method: published
 * check values, laws over noise from a fixed seed, every truncation and every flipped bit of a good
 * sample, in buffers of the exact size under the address and undefined-behaviour sanitizers. */
#include "samples.h"

static void test_checksum(void) {
  uint8_t bytes[32] = {0};
  CHECK(mq_crc32c(0, "123456789", 9) == 0xe3069283u);
  CHECK(mq_crc32c(0, bytes, 32) == 0x8a9136aau); /* these three: RFC 3720, B.4 */
  memset(bytes, 0xff, 32);
  CHECK(mq_crc32c(0, bytes, 32) == 0x62a8ab43u);
  for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
  CHECK(mq_crc32c(0, bytes, 32) == 0x46dd794eu);
  CHECK(mq_crc32c(0, NULL, 0) == 0);
  uint8_t noisy[600];
  for (size_t i = 0; i < sizeof noisy; i++) noisy[i] = (uint8_t)noise(256);
  bool is_equal = true, is_incremental = true;
  for (int run = 0; run < 2000; run++) {
    size_t count = noise(500), skip = noise(16), split = noise((uint32_t)count + 1);
    uint32_t whole = mq_crc32c(0, noisy + skip, count);
    is_equal &= whole == mq_crc32c_table(0, noisy + skip, count);
    uint32_t head = mq_crc32c(0, noisy + skip, split);
    is_incremental &= whole == mq_crc32c(head, noisy + skip + split, count - split);
  }
  CHECK(is_equal);
  CHECK(is_incremental);
}

/* Walks a batch in a buffer of its exact size. Returns the entries, or -1 for a malformed one. */
static int walk(const uint8_t *batch, size_t count) {
  uint8_t *copy = copy_of(batch, count);
  mq_entry entry;
  int entries = 0;
  for (size_t at = 0; at < count && entries >= 0;) {
    bool is_sound = mq_batch_next(copy, count, &at, &entry) == NULL;
    if (is_sound) mq_entry_crc(entries, 1, 2, &entry); /* reads the payload */
    entries = is_sound ? entries + 1 : -1;
  }
  free(copy);
  return entries;
}

static size_t sample_block(uint8_t *target) {
  mq_block block = {.topic_id = 3, .queue_id = 1, .count = 5, .first_offset = 100,
                    .first_time_ms = 11, .last_time_ms = 22};
  mq_block_message messages[5];
  for (int i = 0; i < 5; i++) {
    messages[i] = (mq_block_message){1000 + i * 7, 300 + (uint32_t)i, i - 2};
  }
  return mq_block_encode(&block, messages, target);
}

static void test_batch(void) {
  static buffer batch;
  uint8_t block[MQ_BLOCK_BYTES_MAX];
  size_t block_bytes = sample_block(block);
  add_entry(&batch, MQ_KIND_MESSAGE, 3, 1, "hello", 5);
  size_t first_end = batch.count;
  add_entry(&batch, MQ_KIND_STATE, 0, 0, "{}", 2);
  size_t second_end = batch.count;
  add_entry(&batch, MQ_KIND_INDEX_BLOCK, 3, 1, block, block_bytes);
  size_t third_end = batch.count;
  add_entry(&batch, MQ_KIND_MESSAGE, MQ_TOPIC_ID_MAX, UINT32_MAX, "", 0);
  CHECK(walk(batch.bytes, batch.count) == 4);
  CHECK(walk(NULL, 0) == 0);
  for (size_t cut = 1; cut < batch.count; cut++) {
    bool is_whole = cut == first_end || cut == second_end || cut == third_end;
    CHECK((walk(batch.bytes, cut) >= 0) == is_whole);
  }
  static const struct {
    int at;
    uint8_t value;
  } wrong[] = {{0, 0xff}, {4, 0}, {4, 3}, {4, 129}, {5, 1}, {6, 1}, {7, 1}, {8, 0x20}, {8, 0xff}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    static buffer bad;
    bad = batch;
    bad.bytes[wrong[i].at] = wrong[i].value;
    CHECK(walk(bad.bytes, bad.count) == -1);
  }
  static buffer misplaced;
  add_entry(&misplaced, MQ_KIND_STATE, 1, 0, "{}", 2);
  CHECK(walk(misplaced.bytes, misplaced.count) == -1);
  misplaced.count = 0;
  add_entry(&misplaced, MQ_KIND_INDEX_BLOCK, 3, 2, block, block_bytes);
  CHECK(walk(misplaced.bytes, misplaced.count) == -1);
  for (int run = 0; run < 20000; run++) { /* any bytes at all: no sanitizer report */
    static buffer mutant;
    mutant = batch;
    for (uint32_t i = 0; i <= noise(3); i++) {
      mutant.bytes[noise((uint32_t)batch.count)] = (uint8_t)noise(256);
    }
    walk(mutant.bytes, mutant.count - noise(20));
  }
  CHECK(true);
}

static void test_entry_checksum(void) {
  mq_entry entry = {.kind = 1, .topic_id = 3, .queue_id = 1, .payload = (const uint8_t *)"hello",
                    .payload_bytes = 5};
  uint8_t same[30] = {0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 1,
                      0xde, 0xad, 0xbe, 0xef, 'h', 'e', 'l', 'l', 'o'};
  uint32_t crc = mq_entry_crc(9, 7, 0xdeadbeefu, &entry);
  CHECK(crc == mq_crc32c_table(0, same, sizeof same));
  CHECK(crc != mq_entry_crc(10, 7, 0xdeadbeefu, &entry));
  CHECK(crc != mq_entry_crc(9, 8, 0xdeadbeefu, &entry));
  CHECK(crc != mq_entry_crc(9, 7, 0xdeadbeeeu, &entry));
}

static void test_block(void) {
  uint8_t bytes[MQ_BLOCK_BYTES_MAX], positions[5 * 8];
  size_t count = sample_block(bytes);
  uint8_t *copy = copy_of(bytes, count);
  mq_block block;
  CHECK(count == 48 + 5 * 12);
  CHECK(mq_block_decode(copy, count, &block) == NULL);
  CHECK(block.topic_id == 3 && block.queue_id == 1 && block.count == 5);
  CHECK(block.first_offset == 100 && block.base_position == 1000);
  CHECK(block.first_time_ms == 11 && block.last_time_ms == 22);
  mq_block_message third = mq_block_at(&block, 2);
  CHECK(third.position == 1014 && third.payload_bytes == 302 && third.tags_hash == 0);
  uint32_t selected;
  CHECK(mq_block_filter(&block, 0, 9, NULL, 0, positions, &selected) == 105 && selected == 5);
  CHECK(get_i64(positions + 32) == 1028);
  CHECK(mq_block_filter(&block, 102, 2, NULL, 0, positions, &selected) == 104 && selected == 2);
  CHECK(get_i64(positions) == 1014);
  CHECK(mq_block_filter(&block, 500, 2, NULL, 0, positions, &selected) == 500 && selected == 0);
  uint8_t tags[8];
  put_u32(tags, (uint32_t)-1);
  put_u32(tags + 4, 2);
  CHECK(mq_block_filter(&block, 0, 9, tags, 2, positions, &selected) == 105 && selected == 2);
  CHECK(get_i64(positions) == 1007 && get_i64(positions + 8) == 1028);
  CHECK(mq_block_filter(&block, 0, 9, tags, 0, positions, &selected) == 105 && selected == 0);
  bool is_seen = true;
  for (size_t bit = 0; bit < count * 8; bit++) {
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    is_seen &= mq_block_decode(copy, count, &block) != NULL;
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  CHECK(is_seen);
  for (size_t cut = 0; cut < count; cut++) is_seen &= mq_block_decode(copy, cut, &block) != NULL;
  CHECK(is_seen);
  free(copy);
}

static void test_block_limits(void) {
  static mq_block_message messages[MQ_BLOCK_COUNT_MAX];
  static uint8_t bytes[MQ_BLOCK_BYTES_MAX];
  mq_block block = {.count = MQ_BLOCK_COUNT_MAX};
  CHECK(mq_block_encode(&block, messages, bytes) == MQ_BLOCK_BYTES_MAX);
  messages[1].position = UINT32_MAX;
  CHECK(mq_block_encode(&block, messages, bytes) == MQ_BLOCK_BYTES_MAX);
  messages[1].position = (int64_t)UINT32_MAX + 1;
  CHECK(mq_block_encode(&block, messages, bytes) == 0);
  messages[1].position = -1;
  CHECK(mq_block_encode(&block, messages, bytes) == 0);
  block.count = 0;
  CHECK(mq_block_encode(&block, messages, bytes) == 0);
  block.count = MQ_BLOCK_COUNT_MAX + 1;
  CHECK(mq_block_encode(&block, messages, bytes) == 0);
}

static bool parses(const uint8_t *bytes, size_t count) {
  uint8_t *copy = copy_of(bytes, count);
  mq_record record;
  bool is_sound = mq_record_parse(copy, count, &record);
  mq_property property;
  size_t at = 0;
  while (is_sound && mq_property_next(&record, &at, &property)) {
    mq_tags_hash(property.value, property.value_bytes);
  }
  free(copy);
  return is_sound;
}

static void test_record(void) {
  sample_message message = {.queue_id = 2, .queue_offset = 5, .position = 1000, .body = "hi",
                            .body_bytes = 2, .properties = "KEYS\1a b\2TAGS\1x\2TAGS\1TagA"};
  static buffer record_bytes;
  add_message(&record_bytes, &message);
  mq_record record;
  CHECK(mq_record_parse(record_bytes.bytes, record_bytes.count, &record));
  CHECK(record.queue_id == 2 && record.queue_offset == 5 && record.position == 1000);
  CHECK(record.flag == 7 && record.reconsume_times == 3);
  CHECK(record.born_time_ms == 1700000000001 && record.store_time_ms == 1700000000002);
  CHECK(record.body_bytes == 2 && memcmp(record.body, "hi", 2) == 0);
  CHECK(record.topic_bytes == 6 && memcmp(record.topic, "orders", 6) == 0);
  CHECK(record_bytes.count == 91 + 2 + 6 + record.properties_bytes);
  mq_property property;
  CHECK(mq_property_find(&record, "TAGS", &property) && property.value_bytes == 4);
  CHECK(mq_tags_hash(property.value, property.value_bytes) == 2598919);
  CHECK(mq_property_find(&record, "KEYS", &property) && property.value_bytes == 3);
  CHECK(!mq_property_find(&record, "KEY", &property));
  bool is_refused = true;
  for (size_t cut = 0; cut < record_bytes.count; cut++) {
    is_refused &= !parses(record_bytes.bytes, cut);
  }
  CHECK(is_refused);
  for (int flags = 0; flags < 8; flags++) { /* IPv6 born, IPv6 store, two-byte topic length */
    static buffer other;
    other.count = 0;
    message.system_flag = (flags & 1) * 0x10 + (flags & 2) / 2 * 0x20;
    message.is_v2 = (flags & 4) != 0;
    add_message(&other, &message);
    CHECK(parses(other.bytes, other.count));
    for (int run = 0; run < 3000; run++) {
      static buffer mutant;
      mutant = other;
      uint32_t at = noise((uint32_t)other.count);
      mutant.bytes[at] = (uint8_t)noise(256);
      parses(mutant.bytes, mutant.count);
    }
  }
}

static void test_properties(void) {
  const char *text = "\1novalue\2name\1\2\1\1\2nosplit\2a\1b\2c\1d\1e";
  mq_record record = {.properties = text, .properties_bytes = strlen(text)};
  mq_property property;
  size_t at = 0;
  CHECK(mq_property_next(&record, &at, &property) && property.name[0] == 'a');
  CHECK(mq_property_next(&record, &at, &property) && property.name[0] == 'c');
  CHECK(property.value_bytes == 3);
  CHECK(!mq_property_next(&record, &at, &property));
}

static int32_t hash_of(const char *text) { return mq_tags_hash(text, strlen(text)); }

static void test_text(void) {
  CHECK(hash_of("") == 0);
  CHECK(hash_of("TagA") == 2598919);
  CHECK(hash_of("\xc3\xa4") == 0xe4);
  CHECK(hash_of("\xe2\x82\xac") == 0x20ac);
  CHECK(hash_of("\xf0\x9f\x98\x80") == 31 * 0xd83d + 0xde00); /* as UTF-16: two units */
  CHECK(hash_of("\xff") == 0xfffd);
  CHECK(mq_is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10));
  static const char *const broken[] = {"\x80", "\xc3", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80",
                                       "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    uint8_t *copy = copy_of(broken[i], strlen(broken[i]));
    CHECK(!mq_is_utf8((const char *)copy, strlen(broken[i])));
    free(copy);
  }
}

int main(void) {
  test_checksum();
  test_batch();
  test_entry_checksum();
  test_block();
  test_block_limits();
  test_record();
  test_properties();
  test_text();
  return finish("core");
}
