/* Only for bench/row-layout.ts: appends a packed batch with any INSERT statement, so that layouts that
 * the product does not have are measured with the same C loop as the one it has.
 *
 *   bench_append(batch, first_position, sql, index_sql) → chain after the batch
 *   bench_checksums(batch, first_position)              → the same checksums, nothing inserted
 *   bench_finish()                                      → finalizes the statements
 *
 * Every entry gets its checksum. Both statements see the same parameters: ?1 position, ?2 kind,
 * ?3 epoch, ?4 topic id, ?5 queue id, ?6 chain, ?7 crc, ?8 payload, ?9 queue offset, ?10 queue key;
 * index_sql may be NULL. One connection at a time; bench_finish() before it is closed. */
#include <string.h>

#include "../native/mqcore.h"
#include "sqlite3ext.h"

SQLITE_EXTENSION_INIT1

enum { CACHED_MAX = 2 };

static struct {
  char sql[400];
  sqlite3_stmt *statement;
} cached[CACHED_MAX];

static sqlite3_stmt *find(sqlite3 *db, const char *sql) {
  if (sql == NULL) return NULL;
  for (int i = 0; i < CACHED_MAX; i++) {
    if (cached[i].statement == NULL) {
      strncpy(cached[i].sql, sql, sizeof cached[i].sql - 1);
      sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &cached[i].statement, NULL);
    }
    if (strcmp(cached[i].sql, sql) == 0) return cached[i].statement;
  }
  return NULL;
}

static int insert(sqlite3_stmt *statement, sqlite3_int64 position, const mq_entry *entry,
                  uint32_t chain, uint32_t crc) {
  if (statement == NULL) return SQLITE_DONE;
  /* The queue offset is where a stored message has it. */
  sqlite3_int64 offset = 0;
  for (int i = 20; i < 28; i++) offset = offset << 8 | entry->payload[i];
  sqlite3_bind_int64(statement, 1, position);
  sqlite3_bind_int(statement, 2, entry->kind);
  sqlite3_bind_int(statement, 3, 1);
  sqlite3_bind_int64(statement, 4, entry->topic_id);
  sqlite3_bind_int64(statement, 5, entry->queue_id);
  sqlite3_bind_int64(statement, 6, chain);
  sqlite3_bind_int64(statement, 7, crc);
  sqlite3_bind_blob64(statement, 8, entry->payload, entry->payload_bytes, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 9, offset);
  sqlite3_bind_int64(statement, 10, (sqlite3_int64)entry->topic_id << 32 | entry->queue_id);
  int status = sqlite3_step(statement);
  sqlite3_reset(statement);
  return status;
}

static void append(sqlite3_context *context, int count, sqlite3_value **values) {
  sqlite3 *db = sqlite3_context_db_handle(context);
  const uint8_t *batch = sqlite3_value_blob(values[0]);
  size_t batch_bytes = (size_t)sqlite3_value_bytes(values[0]);
  sqlite3_int64 position = sqlite3_value_int64(values[1]);
  sqlite3_stmt *entry_insert =
      count > 2 ? find(db, (const char *)sqlite3_value_text(values[2])) : NULL;
  sqlite3_stmt *index_insert =
      count > 3 ? find(db, (const char *)sqlite3_value_text(values[3])) : NULL;
  uint32_t chain = 0;
  mq_entry entry;
  for (size_t at = 0; at < batch_bytes; position++) {
    if (mq_batch_next(batch, batch_bytes, &at, &entry) != NULL) break;
    uint32_t crc = mq_entry_crc(position, 1, chain, &entry);
    if (insert(entry_insert, position, &entry, chain, crc) != SQLITE_DONE ||
        insert(index_insert, position, &entry, chain, crc) != SQLITE_DONE) {
      sqlite3_result_error(context, sqlite3_errmsg(db), -1);
      return;
    }
    chain = crc;
  }
  sqlite3_result_int64(context, chain);
}

static void finish(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)context, (void)count, (void)values;
  for (int i = 0; i < CACHED_MAX; i++) {
    sqlite3_finalize(cached[i].statement);
    cached[i].statement = NULL;
  }
}

int sqlite3_rowlayout_init(sqlite3 *db, char **error, const sqlite3_api_routines *api);

int sqlite3_rowlayout_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  int status = sqlite3_create_function(db, "bench_append", 4, SQLITE_UTF8, NULL, append, NULL, NULL);
  if (status != SQLITE_OK) return status;
  status = sqlite3_create_function(db, "bench_finish", 0, SQLITE_UTF8, NULL, finish, NULL, NULL);
  if (status != SQLITE_OK) return status;
  return sqlite3_create_function(db, "bench_checksums", 2, SQLITE_UTF8, NULL, append, NULL, NULL);
}
