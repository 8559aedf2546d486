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

SQLITE_EXTENSION_INIT1

static const char *const SQL[STATEMENT_COUNT] = {
    [STATEMENT_LAST_ENTRY] =
        "SELECT position, crc FROM main.entries ORDER BY position DESC LIMIT 1",
    [STATEMENT_INSERT_ENTRY] = "INSERT INTO main.entries (" MQ_ENTRY_COLUMNS ")"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STATEMENT_INSERT_BLOCK] =
        "INSERT OR REPLACE INTO main.index_blocks (topic_id, queue_id, first_offset, count,"
        " first_time_ms, last_time_ms, block) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_READ_ENTRY] = "SELECT " MQ_ENTRY_COLUMNS " FROM main.entries WHERE position = ?1",
    [STATEMENT_READ_RANGE] = "SELECT " MQ_ENTRY_COLUMNS " FROM main.entries"
                             " WHERE position >= ?1 AND position < ?2 ORDER BY position",
};

/* ---- Connection ------------------------------------------------------------------------------ */

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
  const char *sql = "SELECT 1 FROM mq_messages";
  int status = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
  sqlite3_finalize(statement);
  connection->is_guarded = status == SQLITE_OK;
  return status;
}

void mq_fail(sqlite3_context *context, int status, const char *text) {
  sqlite3_result_error(context, text, -1);
  sqlite3_result_error_code(context, status); /* in this order: it keeps the text */
}

void mq_fail_as_database(sqlite3_context *context) {
  sqlite3 *db = sqlite3_context_db_handle(context);
  int status = sqlite3_extended_errcode(db);
  mq_fail(context, status == SQLITE_OK ? SQLITE_ERROR : status, sqlite3_errmsg(db));
}

void mq_fail_as_entry(sqlite3_context *context, sqlite3_int64 position, const char *what) {
  char *text = sqlite3_mprintf("entry %lld: %s", position, what);
  if (text == NULL) {
    sqlite3_result_error_nomem(context);
    return;
  }
  mq_fail(context, SQLITE_CORRUPT, text);
  sqlite3_free(text);
}

sqlite3_stmt *mq_prepared(sqlite3_context *context, mq_statement which) {
  mq_connection *connection = sqlite3_user_data(context);
  sqlite3_stmt **cached = &connection->statements[which];
  if (*cached != NULL) return *cached;
  int status = connection->is_guarded ? SQLITE_OK : guard(connection);
  if (status == SQLITE_OK) {
    unsigned flags = SQLITE_PREPARE_PERSISTENT;
    status = sqlite3_prepare_v3(connection->db, SQL[which], -1, flags, cached, NULL);
  }
  if (status != SQLITE_OK) mq_fail_as_database(context);
  return *cached;
}

/* ---- Arguments ------------------------------------------------------------------------------- */

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

bool mq_take_number(sqlite3_context *context, sqlite3_value *value, sqlite3_int64 max,
                        const char *complaint, sqlite3_int64 *number) {
  if (whole_number(value, max, number)) return true;
  mq_fail(context, SQLITE_MISUSE, complaint);
  return false;
}

bool mq_take_blob(sqlite3_context *context, sqlite3_value *value, const char *complaint,
                  const uint8_t **bytes, size_t *count) {
  if (sqlite3_value_type(value) != SQLITE_BLOB) {
    mq_fail(context, SQLITE_MISUSE, complaint);
    return false;
  }
  *bytes = sqlite3_value_blob(value);
  *count = (size_t)sqlite3_value_bytes(value);
  return true;
}

/* ---- Registration ---------------------------------------------------------------------------- */

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

static int attach(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  mq_connection *connection = sqlite3_malloc64(sizeof *connection);
  if (connection == NULL) return SQLITE_NOMEM;
  *connection = (mq_connection){.db = db, .references = 1};
  int status = register_functions(connection);
  release(connection); /* our own reference */
  return status;
}

int sqlite3_mqcore_init(sqlite3 *db, char **error, const sqlite3_api_routines *api);

/* What `.load` and loadExtension() call. Every connection that this process opens later gets the
 * functions by itself: an executable that carries this library inside unpacks it once, at its
 * start, and a full or vanished temporary folder cannot stop a segment from being opened later. */
int sqlite3_mqcore_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  int status = attach(db, error, api);
  if (status == SQLITE_OK) status = sqlite3_auto_extension((void (*)(void))attach);
  return status == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : status;
}
