/* mq_read, mq_verify, mq_crc32c, mq_filter: nothing leaves here whose checksum does not hold. */
#include <string.h>

#include "bytes.h"
#include "extension.h"

SQLITE_EXTENSION_INIT3

bool mq_entry_of_row(sqlite3_stmt *row, mq_entry *entry) {
  sqlite3_int64 kind = sqlite3_column_int64(row, COLUMN_KIND);
  sqlite3_int64 topic_id = sqlite3_column_int64(row, COLUMN_TOPIC_ID);
  sqlite3_int64 queue_id = sqlite3_column_int64(row, COLUMN_QUEUE_ID);
  sqlite3_int64 epoch = sqlite3_column_int64(row, COLUMN_EPOCH);
  sqlite3_int64 chain = sqlite3_column_int64(row, COLUMN_CHAIN);
  /* Bits above what the checksum covers would pass unseen. */
  if ((kind & ~0xffLL) != 0 || ((topic_id | queue_id | epoch | chain) & ~0xffffffffLL) != 0) {
    return false;
  }
  entry->kind = (uint8_t)kind;
  entry->topic_id = (uint32_t)topic_id;
  entry->queue_id = (uint32_t)queue_id;
  entry->payload = sqlite3_column_blob(row, COLUMN_PAYLOAD);
  entry->payload_bytes = (size_t)sqlite3_column_bytes(row, COLUMN_PAYLOAD);
  uint32_t crc = mq_entry_crc(sqlite3_column_int64(row, COLUMN_POSITION), (uint32_t)epoch,
                              (uint32_t)chain, entry);
  return (sqlite3_int64)crc == sqlite3_column_int64(row, COLUMN_CRC);
}

/* Payloads one behind the other, in memory of SQLite that ends up as the function's result. */
typedef struct {
  uint8_t *bytes;
  size_t count;
  size_t room;
} payloads;

static bool add_payload(payloads *to, const mq_entry *entry, size_t bytes_max) {
  if (to->count + entry->payload_bytes > to->room) {
    size_t room = (to->room + entry->payload_bytes) * 2;
    if (room > bytes_max && to->count + entry->payload_bytes <= bytes_max) room = bytes_max;
    uint8_t *bytes = sqlite3_realloc64(to->bytes, room);
    if (bytes == NULL) return false;
    to->bytes = bytes;
    to->room = room;
  }
  if (entry->payload_bytes > 0) {
    memcpy(to->bytes + to->count, entry->payload, entry->payload_bytes);
  }
  to->count += entry->payload_bytes;
  return true;
}

typedef enum { READ_MORE, READ_ENOUGH, READ_FAILED } reading;

static reading read_one(sqlite3_context *context, sqlite3_stmt *read, sqlite3_int64 position,
                        size_t bytes_max, payloads *to) {
  mq_entry entry;
  sqlite3_bind_int64(read, 1, position);
  int status = sqlite3_step(read);
  reading result = READ_FAILED;
  if (status == SQLITE_DONE) {
    mq_fail_as_entry(context, position, "missing");
  } else if (status != SQLITE_ROW) {
    mq_fail_as_database(context);
  } else if (!mq_entry_of_row(read, &entry)) {
    mq_fail_as_entry(context, position, "checksum mismatch");
  } else if (to->count > 0 && to->count + entry.payload_bytes > bytes_max) {
    result = READ_ENOUGH;
  } else if (!add_payload(to, &entry, bytes_max)) {
    sqlite3_result_error_nomem(context);
  } else {
    result = READ_MORE;
  }
  sqlite3_reset(read);
  return result;
}

void mq_read(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const uint8_t *positions;
  size_t positions_bytes;
  sqlite3_int64 bytes_max;
  const char *complaint = "mq_read(positions, bytes_max): wrong argument";
  if (!mq_take_blob(context, values[0], complaint, &positions, &positions_bytes) ||
      !mq_take_number(context, values[1], MQ_POSITION_MAX, complaint, &bytes_max)) {
    return;
  }
  if (positions_bytes % 8 != 0) {
    mq_fail(context, SQLITE_MISUSE, complaint);
    return;
  }
  sqlite3_stmt *read = mq_prepared(context, STATEMENT_READ_ENTRY);
  sqlite3_stmt *standing = mq_prepared(context, STATEMENT_LAST_ENTRY);
  if (read == NULL || standing == NULL) return;
  /* While it stands on a row, one read transaction spans all reads: taking and leaving one costs two
   * system calls. If this fails, so does the first read, and reports it. */
  sqlite3_step(standing);
  payloads to = {NULL, 0, 0};
  reading result = READ_MORE;
  for (size_t at = 0; at < positions_bytes && result == READ_MORE; at += 8) {
    result = read_one(context, read, get_i64(positions + at), (size_t)bytes_max, &to);
  }
  sqlite3_reset(standing);
  if (result == READ_FAILED) {
    sqlite3_free(to.bytes);
  } else if (to.bytes == NULL) {
    sqlite3_result_zeroblob(context, 0);
  } else {
    sqlite3_result_blob64(context, to.bytes, to.count, sqlite3_free);
  }
}

/* Checks one row against the one before it; false after having reported the error. `*chain` is the
 * checksum before, or negative if there is none to compare with. */
static bool verify_row(sqlite3_context *context, sqlite3_stmt *row, sqlite3_int64 expected,
                       sqlite3_int64 *chain) {
  mq_entry entry;
  sqlite3_int64 row_chain = sqlite3_column_int64(row, COLUMN_CHAIN);
  if (sqlite3_column_int64(row, COLUMN_POSITION) != expected) {
    mq_fail_as_entry(context, expected, "missing");
  } else if (!mq_entry_of_row(row, &entry)) {
    mq_fail_as_entry(context, expected, "checksum mismatch");
  } else if (*chain >= 0 && *chain != row_chain) {
    mq_fail_as_entry(context, expected, "chain broken");
  } else {
    *chain = sqlite3_column_int64(row, COLUMN_CRC);
    return true;
  }
  return false;
}

void mq_verify(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  sqlite3_int64 from, to, chain = -1;
  const char *complaint = "mq_verify(from, to): not a range of positions";
  if (!mq_take_number(context, values[0], MQ_POSITION_MAX, complaint, &from) ||
      !mq_take_number(context, values[1], MQ_POSITION_MAX, complaint, &to)) {
    return;
  }
  sqlite3_stmt *before = mq_prepared(context, STATEMENT_READ_ENTRY);
  sqlite3_stmt *range = mq_prepared(context, STATEMENT_READ_RANGE);
  if (before == NULL || range == NULL) return;
  sqlite3_bind_int64(before, 1, from - 1);
  if (sqlite3_step(before) == SQLITE_ROW) chain = sqlite3_column_int64(before, COLUMN_CRC);
  sqlite3_reset(before);
  sqlite3_bind_int64(range, 1, from);
  sqlite3_bind_int64(range, 2, to);
  sqlite3_int64 expected = from;
  int status;
  while ((status = sqlite3_step(range)) == SQLITE_ROW) {
    if (!verify_row(context, range, expected, &chain)) break;
    expected++;
  }
  if (status == SQLITE_DONE && expected < to) {
    mq_fail_as_entry(context, expected, "missing");
  } else if (status == SQLITE_DONE) {
    sqlite3_result_int64(context, expected - from);
  } else if (status != SQLITE_ROW) {
    mq_fail_as_database(context);
  }
  sqlite3_reset(range);
}

void mq_crc32c_function(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const uint8_t *bytes;
  size_t bytes_count;
  const char *complaint = "mq_crc32c(blob): not a blob";
  if (!mq_take_blob(context, values[0], complaint, &bytes, &bytes_count)) return;
  sqlite3_result_int64(context, mq_crc32c(0, bytes, bytes_count));
}

void mq_filter(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const char *complaint = "mq_filter(block, from_offset, limit, tags): wrong argument";
  const uint8_t *bytes, *tags = NULL;
  size_t bytes_count, tags_bytes = 0;
  sqlite3_int64 from_offset, limit;
  if (!mq_take_blob(context, values[0], complaint, &bytes, &bytes_count) ||
      !mq_take_number(context, values[1], MQ_POSITION_MAX, complaint, &from_offset) ||
      !mq_take_number(context, values[2], UINT32_MAX, complaint, &limit)) {
    return;
  }
  if (sqlite3_value_type(values[3]) != SQLITE_NULL) {
    static const uint8_t none[1];
    if (!mq_take_blob(context, values[3], complaint, &tags, &tags_bytes)) return;
    if (tags == NULL) tags = none; /* an empty set selects nothing, NULL everything */
  }
  mq_block block;
  const char *fault = mq_block_decode(bytes, bytes_count, &block);
  if (fault != NULL) mq_fail(context, SQLITE_CORRUPT, fault);
  if (fault == NULL && tags_bytes % 4 != 0) mq_fail(context, SQLITE_MISUSE, complaint);
  if (fault != NULL || tags_bytes % 4 != 0) return;
  uint8_t result[8 + MQ_BLOCK_COUNT_MAX * 8];
  uint32_t selected;
  put_i64(result, mq_block_filter(&block, from_offset, (uint32_t)limit, tags, tags_bytes / 4,
                                  result + 8, &selected));
  sqlite3_result_blob(context, result, (int)(8 + selected * 8), SQLITE_TRANSIENT);
}
