/* mq_append: a packed batch becomes rows of the open transaction. */
#include "extension.h"

SQLITE_EXTENSION_INIT3

typedef struct {
  const uint8_t *batch;
  size_t batch_bytes;
  sqlite3_int64 position; /* of the next entry */
  sqlite3_int64 chain;
  sqlite3_int64 epoch;
} appending;

static bool is_batch_sound(sqlite3_context *context, const appending *append) {
  mq_entry entry;
  for (size_t at = 0; at < append->batch_bytes;) {
    const char *fault = mq_batch_next(append->batch, append->batch_bytes, &at, &entry);
    if (fault != NULL) {
      mq_fail(context, SQLITE_MISUSE, fault);
      return false;
    }
  }
  return true;
}

/* Positions in a segment have no gap and the chain no break: checked before, not repaired after. */
static bool follows_last_entry(sqlite3_context *context, const appending *append) {
  sqlite3_stmt *last = mq_prepared(context, STATEMENT_LAST_ENTRY);
  if (last == NULL) return false;
  int status = sqlite3_step(last);
  bool is_next = status == SQLITE_DONE || (status == SQLITE_ROW &&
                                           sqlite3_column_int64(last, 0) + 1 == append->position &&
                                           sqlite3_column_int64(last, 1) == append->chain);
  if (status != SQLITE_ROW && status != SQLITE_DONE) {
    mq_fail_as_database(context);
  } else if (!is_next) {
    mq_fail(context, SQLITE_MISUSE, "batch: does not follow the last entry");
  }
  sqlite3_reset(last);
  return is_next;
}

static sqlite3_stmt *bind_entry(sqlite3_context *context, appending *append,
                                const mq_entry *entry) {
  sqlite3_stmt *insert = mq_prepared(context, STATEMENT_INSERT_ENTRY);
  if (insert == NULL) return NULL;
  uint32_t chain = (uint32_t)append->chain;
  uint32_t crc = mq_entry_crc(append->position, (uint32_t)append->epoch, chain, entry);
  sqlite3_bind_int64(insert, 1, append->position);
  sqlite3_bind_int(insert, 2, entry->kind);
  sqlite3_bind_int64(insert, 3, append->epoch);
  sqlite3_bind_int64(insert, 4, entry->topic_id);
  sqlite3_bind_int64(insert, 5, entry->queue_id);
  sqlite3_bind_int64(insert, 6, chain);
  sqlite3_bind_int64(insert, 7, crc);
  sqlite3_bind_blob64(insert, 8, entry->payload, entry->payload_bytes, SQLITE_STATIC);
  append->position++;
  append->chain = crc;
  return insert;
}

static sqlite3_stmt *bind_block(sqlite3_context *context, const mq_entry *entry) {
  sqlite3_stmt *insert = mq_prepared(context, STATEMENT_INSERT_BLOCK);
  mq_block block;
  if (insert == NULL) return NULL;
  /* Checked with the batch; asked again because unchecked fields must not reach the table. */
  const char *fault = mq_block_decode(entry->payload, entry->payload_bytes, &block);
  if (fault != NULL) {
    mq_fail(context, SQLITE_MISUSE, fault);
    return NULL;
  }
  sqlite3_bind_int64(insert, 1, block.topic_id);
  sqlite3_bind_int64(insert, 2, block.queue_id);
  sqlite3_bind_int64(insert, 3, block.first_offset);
  sqlite3_bind_int64(insert, 4, block.count);
  sqlite3_bind_int64(insert, 5, block.first_time_ms);
  sqlite3_bind_int64(insert, 6, block.last_time_ms);
  sqlite3_bind_blob64(insert, 7, entry->payload, entry->payload_bytes, SQLITE_STATIC);
  return insert;
}

void mq_append(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  appending append;
  const char *number = "mq_append(batch, position, chain, epoch): not a whole number in range";
  const char *blob = "mq_append(batch, position, chain, epoch): the batch is not a blob";
  if (!mq_take_blob(context, values[0], blob, &append.batch, &append.batch_bytes) ||
      !mq_take_number(context, values[1], MQ_POSITION_MAX, number, &append.position) ||
      !mq_take_number(context, values[2], UINT32_MAX, number, &append.chain) ||
      !mq_take_number(context, values[3], UINT32_MAX, number, &append.epoch)) {
    return;
  }
  /* Otherwise each row would be a commit of its own. */
  if (sqlite3_get_autocommit(sqlite3_context_db_handle(context))) {
    mq_fail(context, SQLITE_MISUSE, "mq_append: not inside a transaction");
    return;
  }
  if (!is_batch_sound(context, &append) || !follows_last_entry(context, &append)) return;
  for (size_t at = 0; at < append.batch_bytes;) {
    mq_entry entry;
    mq_batch_next(append.batch, append.batch_bytes, &at, &entry);
    bool is_block = entry.kind == MQ_KIND_INDEX_BLOCK;
    sqlite3_stmt *insert =
        is_block ? bind_block(context, &entry) : bind_entry(context, &append, &entry);
    if (insert == NULL) return;
    int status = sqlite3_step(insert);
    if (status != SQLITE_DONE) mq_fail_as_database(context);
    sqlite3_reset(insert);
    if (status != SQLITE_DONE) return; /* the caller rolls back */
  }
  sqlite3_result_int64(context, append.chain);
}
