/* The core as SQL functions. Converts, drives the tables of src/store/schema.ts, and nothing else:
 * what the bytes mean is in mqcore.h.
 *
 *   mq_append(batch, first_position, chain, epoch) → the chain after the batch
 *   mq_read(positions, bytes_max)                  → payloads back to back
 *   mq_verify(from, to)                            → number of entries checked
 *   mq_crc32c(blob)                                → checksum
 *   mq_filter(block, from_offset, limit, tags)     → next offset and selected positions
 *
 * A damaged or missing entry is the error SQLITE_CORRUPT with the text "entry <position>: …"; a
 * wrong argument is SQLITE_MISUSE; whatever SQLite itself reports is passed on with its code. */
#include "extension.h"

#include "bytes.h"

SQLITE_EXTENSION_INIT1

static const char *const SQL[STATEMENT_COUNT] = {
    [STATEMENT_LAST_ENTRY] = "SELECT position, crc FROM main.entries ORDER BY position DESC LIMIT 1",
    [STATEMENT_INSERT_ENTRY] = "INSERT INTO main.entries (" MQ_ENTRY_COLUMNS ")"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STATEMENT_INSERT_BLOCK] =
        "INSERT OR REPLACE INTO main.index_blocks (topic_id, queue_id, first_offset, count,"
        " first_time_ms, last_time_ms, block) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_READ_ENTRY] = "SELECT " MQ_ENTRY_COLUMNS " FROM main.entries WHERE position = ?1",
    [STATEMENT_READ_RANGE] = "SELECT " MQ_ENTRY_COLUMNS " FROM main.entries"
                             " WHERE position >= ?1 AND position < ?2 ORDER BY position",
};

/* ---- Connection -------------------------------------------------------------------------------- */

void mq_finalize_statements(mq_connection *connection) {
  for (int i = 0; i < STATEMENT_COUNT; i++) {
    sqlite3_finalize(connection->statements[i]);
    connection->statements[i] = NULL;
  }
  connection->is_guarded = false;
}

static void release(void *pointer) {
  mq_connection *connection = pointer;
  if (--connection->references > 0) return;
  mq_finalize_statements(connection);
  sqlite3_free(connection);
}

/* Preparing any use of the table connects it. */
static int guard(mq_connection *connection) {
  sqlite3_stmt *statement = NULL;
  int status = sqlite3_prepare_v2(connection->db, "SELECT 1 FROM mq_messages", -1, &statement, NULL);
  sqlite3_finalize(statement);
  connection->is_guarded = status == SQLITE_OK;
  return status;
}

static void fail(sqlite3_context *context, int status, const char *text) {
  sqlite3_result_error(context, text, -1);
  sqlite3_result_error_code(context, status); /* in this order: it keeps the text */
}

static void fail_as_database(sqlite3_context *context) {
  sqlite3 *db = sqlite3_context_db_handle(context);
  int status = sqlite3_extended_errcode(db);
  fail(context, status == SQLITE_OK ? SQLITE_ERROR : status, sqlite3_errmsg(db));
}

static void fail_as_entry(sqlite3_context *context, sqlite3_int64 position, const char *what) {
  char *text = sqlite3_mprintf("entry %lld: %s", position, what);
  if (text == NULL) {
    sqlite3_result_error_nomem(context);
    return;
  }
  fail(context, SQLITE_CORRUPT, text);
  sqlite3_free(text);
}

/* A cached statement, NULL after an error. The caller resets it: a statement left standing would
 * keep its read transaction open. */
static sqlite3_stmt *statement(sqlite3_context *context, mq_statement which) {
  mq_connection *connection = sqlite3_user_data(context);
  sqlite3_stmt **cached = &connection->statements[which];
  if (*cached != NULL) return *cached;
  int status = connection->is_guarded ? SQLITE_OK : guard(connection);
  if (status == SQLITE_OK) {
    unsigned flags = SQLITE_PREPARE_PERSISTENT;
    status = sqlite3_prepare_v3(connection->db, SQL[which], -1, flags, cached, NULL);
  }
  if (status != SQLITE_OK) fail_as_database(context);
  return *cached;
}

/* ---- Arguments --------------------------------------------------------------------------------- */

/* JavaScript's numbers arrive as doubles above 2^31: whole ones below 2^53 are exact. */
static bool whole_number(sqlite3_value *value, sqlite3_int64 max, sqlite3_int64 *number) {
  int type = sqlite3_value_numeric_type(value);
  if (type == SQLITE_FLOAT) {
    double real = sqlite3_value_double(value);
    if (!(real >= 0 && real <= 9007199254740992.0)) return false;
    *number = (sqlite3_int64)real;
    if ((double)*number != real) return false;
  } else if (type == SQLITE_INTEGER) {
    *number = sqlite3_value_int64(value);
  } else {
    return false;
  }
  return *number >= 0 && *number <= max;
}

static const sqlite3_int64 POSITION_MAX = (1LL << 53) - 1;

/* False after having reported the error. An empty blob has a NULL pointer and no bytes. */
static bool take_number(sqlite3_context *context, sqlite3_value *value, sqlite3_int64 max,
                        const char *complaint, sqlite3_int64 *number) {
  if (whole_number(value, max, number)) return true;
  fail(context, SQLITE_MISUSE, complaint);
  return false;
}

static bool take_blob(sqlite3_context *context, sqlite3_value *value, const char *complaint,
                      const uint8_t **bytes, size_t *count) {
  if (sqlite3_value_type(value) != SQLITE_BLOB) {
    fail(context, SQLITE_MISUSE, complaint);
    return false;
  }
  *bytes = sqlite3_value_blob(value);
  *count = (size_t)sqlite3_value_bytes(value);
  return true;
}

/* ---- mq_append --------------------------------------------------------------------------------- */

typedef struct {
  const uint8_t *batch;
  size_t batch_bytes;
  sqlite3_int64 position; /* of the next entry */
  sqlite3_int64 chain;
  sqlite3_int64 epoch;
} appending;

static bool is_batch_sound(sqlite3_context *context, const appending *append) {
  mq_entry entry;
  sqlite3_int64 position = append->position;
  for (size_t at = 0; at < append->batch_bytes;) {
    const char *fault = mq_batch_next(append->batch, append->batch_bytes, &at, &entry);
    if (fault == NULL && entry.kind != MQ_KIND_INDEX_BLOCK && position++ > POSITION_MAX) {
      fault = "batch: position too large";
    }
    if (fault != NULL) {
      fail(context, SQLITE_MISUSE, fault);
      return false;
    }
  }
  return true;
}

/* Positions in a segment have no gap, and the chain has no break: checked before, not repaired after. */
static bool follows_last_entry(sqlite3_context *context, const appending *append) {
  sqlite3_stmt *last = statement(context, STATEMENT_LAST_ENTRY);
  if (last == NULL) return false;
  int status = sqlite3_step(last);
  bool is_next = status == SQLITE_DONE || (status == SQLITE_ROW &&
                                           sqlite3_column_int64(last, 0) + 1 == append->position &&
                                           sqlite3_column_int64(last, 1) == append->chain);
  if (status != SQLITE_ROW && status != SQLITE_DONE) {
    fail_as_database(context);
  } else if (!is_next) {
    fail(context, SQLITE_MISUSE, "batch: does not follow the last entry");
  }
  sqlite3_reset(last);
  return is_next;
}

static sqlite3_stmt *bind_entry(sqlite3_context *context, appending *append, const mq_entry *entry) {
  sqlite3_stmt *insert = statement(context, STATEMENT_INSERT_ENTRY);
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
  sqlite3_stmt *insert = statement(context, STATEMENT_INSERT_BLOCK);
  mq_block block;
  if (insert == NULL) return NULL;
  /* Checked with the batch; asked again because unchecked fields must not reach the table. */
  const char *fault = mq_block_decode(entry->payload, entry->payload_bytes, &block);
  if (fault != NULL) {
    fail(context, SQLITE_MISUSE, fault);
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

static void mq_append(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  appending append;
  const char *number = "mq_append(batch, first_position, chain, epoch): not a whole number in range";
  const char *blob = "mq_append(batch, first_position, chain, epoch): the batch is not a blob";
  if (!take_blob(context, values[0], blob, &append.batch, &append.batch_bytes) ||
      !take_number(context, values[1], POSITION_MAX, number, &append.position) ||
      !take_number(context, values[2], UINT32_MAX, number, &append.chain) ||
      !take_number(context, values[3], UINT32_MAX, number, &append.epoch)) {
    return;
  }
  /* Otherwise each row would be a commit of its own. */
  if (sqlite3_get_autocommit(sqlite3_context_db_handle(context))) {
    fail(context, SQLITE_MISUSE, "mq_append: not inside a transaction");
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
    if (status != SQLITE_DONE) fail_as_database(context);
    sqlite3_reset(insert);
    if (status != SQLITE_DONE) return; /* the caller rolls back */
  }
  sqlite3_result_int64(context, append.chain);
}

/* ---- mq_read, mq_verify ------------------------------------------------------------------------ */

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
    __builtin_memcpy(to->bytes + to->count, entry->payload, entry->payload_bytes);
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
    fail_as_entry(context, position, "missing");
  } else if (status != SQLITE_ROW) {
    fail_as_database(context);
  } else if (!mq_entry_of_row(read, &entry)) {
    fail_as_entry(context, position, "checksum mismatch");
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

static void mq_read(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const uint8_t *positions;
  size_t positions_bytes;
  sqlite3_int64 bytes_max;
  if (!take_blob(context, values[0], "mq_read(positions, bytes_max): positions are not a blob",
                 &positions, &positions_bytes) ||
      !take_number(context, values[1], POSITION_MAX, "mq_read(positions, bytes_max): not a size",
                   &bytes_max)) {
    return;
  }
  if (positions_bytes % 8 != 0) {
    fail(context, SQLITE_MISUSE, "mq_read(positions, bytes_max): positions are not int64");
    return;
  }
  sqlite3_stmt *read = statement(context, STATEMENT_READ_ENTRY);
  if (read == NULL) return;
  payloads to = {NULL, 0, 0};
  reading result = READ_MORE;
  for (size_t at = 0; at < positions_bytes && result == READ_MORE; at += 8) {
    result = read_one(context, read, get_i64(positions + at), (size_t)bytes_max, &to);
  }
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
    fail_as_entry(context, expected, "missing");
  } else if (!mq_entry_of_row(row, &entry)) {
    fail_as_entry(context, expected, "checksum mismatch");
  } else if (*chain >= 0 && *chain != row_chain) {
    fail_as_entry(context, expected, "chain broken");
  } else {
    *chain = sqlite3_column_int64(row, COLUMN_CRC);
    return true;
  }
  return false;
}

static void mq_verify(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  sqlite3_int64 from, to, chain = -1;
  const char *complaint = "mq_verify(from, to): not a range of positions";
  if (!take_number(context, values[0], POSITION_MAX, complaint, &from) ||
      !take_number(context, values[1], POSITION_MAX, complaint, &to)) {
    return;
  }
  sqlite3_stmt *before = statement(context, STATEMENT_READ_ENTRY);
  sqlite3_stmt *range = statement(context, STATEMENT_READ_RANGE);
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
    fail_as_entry(context, expected, "missing");
  } else if (status == SQLITE_DONE) {
    sqlite3_result_int64(context, expected - from);
  } else if (status != SQLITE_ROW) {
    fail_as_database(context);
  }
  sqlite3_reset(range);
}

/* ---- mq_crc32c, mq_filter ---------------------------------------------------------------------- */

static void mq_crc32c_function(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const uint8_t *bytes;
  size_t bytes_count;
  if (!take_blob(context, values[0], "mq_crc32c(blob): not a blob", &bytes, &bytes_count)) return;
  sqlite3_result_int64(context, mq_crc32c(0, bytes, bytes_count));
}

static void mq_filter(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const char *complaint = "mq_filter(block, from_offset, limit, tags): wrong argument";
  const uint8_t *bytes, *tags = NULL;
  size_t bytes_count, tags_bytes = 0;
  sqlite3_int64 from_offset, limit;
  if (!take_blob(context, values[0], complaint, &bytes, &bytes_count) ||
      !take_number(context, values[1], POSITION_MAX, complaint, &from_offset) ||
      !take_number(context, values[2], UINT32_MAX, complaint, &limit)) {
    return;
  }
  if (sqlite3_value_type(values[3]) != SQLITE_NULL) {
    static const uint8_t none[1];
    if (!take_blob(context, values[3], complaint, &tags, &tags_bytes)) return;
    if (tags == NULL) tags = none; /* an empty set selects nothing, NULL everything */
  }
  mq_block block;
  const char *fault = mq_block_decode(bytes, bytes_count, &block);
  if (fault != NULL || tags_bytes % 4 != 0) {
    fail(context, fault != NULL ? SQLITE_CORRUPT : SQLITE_MISUSE, fault != NULL ? fault : complaint);
    return;
  }
  uint8_t result[8 + MQ_BLOCK_COUNT_MAX * 8];
  uint32_t selected;
  put_i64(result, mq_block_filter(&block, from_offset, (uint32_t)limit, tags, tags_bytes / 4,
                                  result + 8, &selected));
  sqlite3_result_blob(context, result, (int)(8 + selected * 8), SQLITE_TRANSIENT);
}

/* ---- Registration ------------------------------------------------------------------------------ */

static int register_functions(mq_connection *connection) {
  static const struct {
    const char *name;
    int arguments;
    int flags;
    void (*call)(sqlite3_context *, int, sqlite3_value **);
  } functions[] = {
      /* Direct only: a view or trigger in a foreign file must not write through us. */
      {"mq_append", 4, SQLITE_DIRECTONLY, mq_append},
      {"mq_read", 2, SQLITE_DIRECTONLY, mq_read},
      {"mq_verify", 2, SQLITE_DIRECTONLY, mq_verify},
      {"mq_crc32c", 1, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, mq_crc32c_function},
      {"mq_filter", 4, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, mq_filter},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    connection->references++; /* given back by SQLite through `release`, on failure too */
    int status = sqlite3_create_function_v2(
        connection->db, functions[i].name, functions[i].arguments, SQLITE_UTF8 | functions[i].flags,
        connection, functions[i].call, NULL, NULL, release);
    if (status != SQLITE_OK) return status;
  }
  connection->references++;
  return mq_register_messages(connection, release);
}

#if defined(_WIN32)
__declspec(dllexport)
#endif
int sqlite3_mqcore_init(sqlite3 *db, char **error, const sqlite3_api_routines *api);

int sqlite3_mqcore_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  mq_connection *connection = sqlite3_malloc64(sizeof *connection);
  if (connection == NULL) return SQLITE_NOMEM;
  *connection = (mq_connection){.db = db, .references = 1};
  int status = register_functions(connection);
  release(connection); /* our own reference */
  return status;
}
