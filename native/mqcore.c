/* Packed batches, entry checksums, index blocks. See mqcore.h for the promises. */
#include "mqcore.h"

#include "bytes.h"

/* ---- Packed batch ---------------------------------------------------------------------------- */

static const char *entry_fault(const mq_entry *entry) {
  if (entry->topic_id > MQ_TOPIC_ID_MAX) return "batch: topic id too large";
  if (entry->kind == MQ_KIND_MESSAGE) return NULL;
  if (entry->kind == MQ_KIND_STATE) {
    return entry->topic_id == 0 && entry->queue_id == 0 ? NULL : "batch: state with a queue";
  }
  if (entry->kind != MQ_KIND_INDEX_BLOCK) return "batch: unknown kind";
  mq_block block;
  const char *fault = mq_block_decode(entry->payload, entry->payload_bytes, &block);
  if (fault != NULL) return fault;
  return block.topic_id == entry->topic_id && block.queue_id == entry->queue_id
             ? NULL
             : "batch: index block of another queue";
}

const char *mq_batch_next(const uint8_t *batch, size_t batch_bytes, size_t *at, mq_entry *entry) {
  size_t left = batch_bytes - *at;
  if (left < MQ_ENTRY_HEADER_BYTES) return "batch: cut inside an entry header";
  const uint8_t *header = batch + *at;
  left -= MQ_ENTRY_HEADER_BYTES;
  entry->payload_bytes = get_u32(header);
  entry->kind = header[4];
  entry->topic_id = get_u32(header + 8);
  entry->queue_id = get_u32(header + 12);
  entry->payload = header + MQ_ENTRY_HEADER_BYTES;
  if (entry->payload_bytes > left) return "batch: cut inside a payload";
  if (header[5] != 0 || header[6] != 0 || header[7] != 0) return "batch: reserved bytes not zero";
  *at += MQ_ENTRY_HEADER_BYTES + entry->payload_bytes;
  return entry_fault(entry);
}

uint32_t mq_entry_crc(int64_t position, uint32_t epoch, uint32_t chain, const mq_entry *entry) {
  uint8_t header[25];
  put_i64(header, position);
  header[8] = entry->kind;
  put_u32(header + 9, epoch);
  put_u32(header + 13, entry->topic_id);
  put_u32(header + 17, entry->queue_id);
  put_u32(header + 21, chain);
  return mq_crc32c(mq_crc32c(0, header, sizeof header), entry->payload, entry->payload_bytes);
}

/* ---- Index block ----------------------------------------------------------------------------- */

enum { BLOCK_VERSION = 1, HIGH_WORD_LIMIT = 1 << 21 /* of a number below 2^53 */ };

const char *mq_block_decode(const uint8_t *bytes, size_t count, mq_block *block) {
  if (count < MQ_BLOCK_HEADER_BYTES) return "index block: too short";
  if (mq_crc32c(0, bytes + 4, count - 4) != get_u32(bytes)) {
    return "index block: checksum mismatch";
  }
  if (bytes[4] != BLOCK_VERSION || bytes[5] != 0) return "index block: unknown version";
  block->count = get_u16(bytes + 6);
  size_t size = MQ_BLOCK_HEADER_BYTES + (size_t)block->count * MQ_BLOCK_MESSAGE_BYTES;
  if (block->count < 1 || block->count > MQ_BLOCK_COUNT_MAX || count != size) {
    return "index block: wrong length";
  }
  if (get_u32(bytes + 16) >= HIGH_WORD_LIMIT || get_u32(bytes + 24) >= HIGH_WORD_LIMIT) {
    return "index block: offset out of range";
  }
  block->topic_id = get_u32(bytes + 8);
  block->queue_id = get_u32(bytes + 12);
  block->first_offset = get_i64(bytes + 16);
  block->base_position = get_i64(bytes + 24);
  block->first_time_ms = get_i64(bytes + 32);
  block->last_time_ms = get_i64(bytes + 40);
  block->messages = bytes + MQ_BLOCK_HEADER_BYTES;
  return NULL;
}

mq_block_message mq_block_at(const mq_block *block, uint32_t index) {
  const uint8_t *at = block->messages + (size_t)index * MQ_BLOCK_MESSAGE_BYTES;
  return (mq_block_message){
      .position = block->base_position + get_u32(at),
      .payload_bytes = get_u32(at + 4),
      .tags_hash = (int32_t)get_u32(at + 8),
  };
}

size_t mq_block_encode(const mq_block *block, const mq_block_message *messages, uint8_t *target) {
  if (block->count < 1 || block->count > MQ_BLOCK_COUNT_MAX) return 0;
  int64_t base = messages[0].position;
  target[4] = BLOCK_VERSION;
  target[5] = 0;
  put_u16(target + 6, block->count);
  put_u32(target + 8, block->topic_id);
  put_u32(target + 12, block->queue_id);
  put_i64(target + 16, block->first_offset);
  put_i64(target + 24, base);
  put_i64(target + 32, block->first_time_ms);
  put_i64(target + 40, block->last_time_ms);
  uint8_t *at = target + MQ_BLOCK_HEADER_BYTES;
  for (uint32_t i = 0; i < block->count; i++, at += MQ_BLOCK_MESSAGE_BYTES) {
    int64_t position = messages[i].position;
    if (position < base || position - base > UINT32_MAX) return 0;
    put_u32(at, (uint32_t)(position - base));
    put_u32(at + 4, messages[i].payload_bytes);
    put_u32(at + 8, (uint32_t)messages[i].tags_hash);
  }
  size_t size = (size_t)(at - target);
  put_u32(target, mq_crc32c(0, target + 4, size - 4));
  return size;
}

static bool is_wanted(int32_t hash, const uint8_t *tags, size_t tags_count) {
  if (tags == NULL) return true;
  for (size_t i = 0; i < tags_count; i++) {
    if ((int32_t)get_u32(tags + i * 4) == hash) return true;
  }
  return false;
}

int64_t mq_block_filter(const mq_block *block, int64_t from_offset, uint32_t limit,
                        const uint8_t *tags, size_t tags_count, uint8_t *positions,
                        uint32_t *selected) {
  int64_t end = block->first_offset + block->count;
  int64_t offset = from_offset > block->first_offset ? from_offset : block->first_offset;
  *selected = 0;
  while (offset < end && *selected < limit) {
    mq_block_message message = mq_block_at(block, (uint32_t)(offset - block->first_offset));
    if (is_wanted(message.tags_hash, tags, tags_count)) {
      put_i64(positions + (size_t)*selected * 8, message.position);
      *selected += 1;
    }
    offset++;
  }
  return offset;
}
