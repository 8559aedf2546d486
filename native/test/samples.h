/* Bytes to test with: a stored message and packed entries, written by hand rather than by the code
 * under test. */
#ifndef MQ_SAMPLES_H
#define MQ_SAMPLES_H

#include "../bytes.h"
#include "../mqcore.h"
#include "check.h"

typedef struct {
  uint8_t bytes[64 * 1024];
  size_t count;
} buffer;

static inline void add(buffer *to, const void *bytes, size_t count) {
  if (to->count + count > sizeof to->bytes) abort();
  memcpy(to->bytes + to->count, bytes, count);
  to->count += count;
}

static inline void add_u16(buffer *to, uint32_t value) {
  uint8_t bytes[2];
  put_u16(bytes, value);
  add(to, bytes, 2);
}

static inline void add_u32(buffer *to, uint32_t value) {
  uint8_t bytes[4];
  put_u32(bytes, value);
  add(to, bytes, 4);
}

static inline void add_i64(buffer *to, int64_t value) {
  uint8_t bytes[8];
  put_i64(bytes, value);
  add(to, bytes, 8);
}

static inline void add_entry(buffer *to, int kind, uint32_t topic_id, uint32_t queue_id,
                             const void *payload, size_t count) {
  const uint8_t kind_and_zero[4] = {(uint8_t)kind};
  add_u32(to, (uint32_t)count);
  add(to, kind_and_zero, 4);
  add_u32(to, topic_id);
  add_u32(to, queue_id);
  add(to, payload, count);
}

typedef struct {
  int32_t queue_id;
  int64_t queue_offset;
  int64_t position;
  int32_t system_flag;
  const char *body;
  size_t body_bytes;
  const char *properties;
  bool is_v2;
} sample_message;

/* A message of topic "orders" from 10.0.0.1:10097, or [2001:db8::1] if the flags say so. */
static inline void add_message(buffer *to, const sample_message *message) {
  static const uint8_t ipv4[8] = {10, 0, 0, 1, 0, 0, 0x27, 0x71};
  static const uint8_t ipv6[20] = {0x20, 1, 0xd, 0xb8, [15] = 1, [18] = 0x27, [19] = 0x71};
  size_t start = to->count;
  add_u32(to, 0);
  add_u32(to, message->is_v2 ? 0xDAA320ABu : 0xDAA320A7u);
  add_u32(to, 0);
  add_u32(to, (uint32_t)message->queue_id);
  add_u32(to, 7);
  add_i64(to, message->queue_offset);
  add_i64(to, message->position);
  add_u32(to, (uint32_t)message->system_flag);
  add_i64(to, 1700000000001);
  bool is_born_ipv6 = (message->system_flag & 0x10) != 0;
  add(to, is_born_ipv6 ? ipv6 : ipv4, is_born_ipv6 ? 20 : 8);
  add_i64(to, 1700000000002);
  bool is_store_ipv6 = (message->system_flag & 0x20) != 0;
  add(to, is_store_ipv6 ? ipv6 : ipv4, is_store_ipv6 ? 20 : 8);
  add_u32(to, 3);
  add_i64(to, 0);
  add_u32(to, (uint32_t)message->body_bytes);
  add(to, message->body, message->body_bytes);
  if (message->is_v2) add(to, "\0", 1);
  add(to, "\6orders", 7);
  add_u16(to, (uint32_t)strlen(message->properties));
  add(to, message->properties, strlen(message->properties));
  put_u32(to->bytes + start, (uint32_t)(to->count - start));
}

#endif
