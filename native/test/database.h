/* A database in memory or in a file with the tables of src/store/schema.ts and the extension, for the
 * tests that drive it through a plain SQLite. */
#ifndef MQ_DATABASE_H
#define MQ_DATABASE_H

#include "sqlite3.h"

#include "samples.h"

static const char *extension_path;

static const char TEST_SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS entries (position INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, topic_id INTEGER NOT NULL, queue_id INTEGER NOT NULL,"
    " chain INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS index_blocks (topic_id INTEGER NOT NULL, queue_id INTEGER NOT NULL,"
    " first_offset INTEGER NOT NULL, count INTEGER NOT NULL, first_time_ms INTEGER NOT NULL,"
    " last_time_ms INTEGER NOT NULL, block BLOB NOT NULL,"
    " UNIQUE (topic_id, queue_id, first_offset)) STRICT;";

static inline void must(sqlite3 *db, const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return;
  printf("%s: %s\n", sql, sqlite3_errmsg(db));
  exit(1);
}

static inline sqlite3 *open_database(const char *path) {
  sqlite3 *db;
  if (sqlite3_open(path, &db) != SQLITE_OK) exit(1);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
  char *error = NULL;
  if (sqlite3_load_extension(db, extension_path, NULL, &error) != SQLITE_OK) {
    printf("%s\n", error);
    exit(1);
  }
  must(db, TEST_SCHEMA);
  return db;
}

/* What the last question was answered with. */
static struct {
  int status;
  char error[300];
  int64_t number;
  char text[4096];
  size_t bytes;
  int rows;
} answer;

/* Runs one SELECT of one column; ?1 is the blob. Keeps the last row. */
static inline bool ask(sqlite3 *db, const char *sql, const void *blob, size_t blob_bytes) {
  sqlite3_stmt *statement = NULL;
  memset(&answer, 0, sizeof answer);
  answer.status = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
  if (answer.status == SQLITE_OK && sqlite3_bind_parameter_count(statement) > 0) {
    sqlite3_bind_blob(statement, 1, blob, (int)blob_bytes, SQLITE_STATIC);
  }
  while (answer.status == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
    answer.number = sqlite3_column_int64(statement, 0);
    const void *value = sqlite3_column_blob(statement, 0);
    answer.bytes = (size_t)sqlite3_column_bytes(statement, 0);
    memset(answer.text, 0, sizeof answer.text);
    size_t kept = answer.bytes < sizeof answer.text - 1 ? answer.bytes : sizeof answer.text - 1;
    if (value != NULL) memcpy(answer.text, value, kept);
    answer.rows++;
  }
  if (answer.status == SQLITE_OK) answer.status = sqlite3_reset(statement);
  snprintf(answer.error, sizeof answer.error, "%s", sqlite3_errmsg(db));
  sqlite3_finalize(statement);
  return answer.status == SQLITE_OK;
}

static inline bool is_text(sqlite3 *db, const char *sql, const char *expected) {
  if (ask(db, sql, NULL, 0) && strcmp(answer.text, expected) == 0) return true;
  printf("%s → %s %s\n", sql, answer.text, answer.status == SQLITE_OK ? "" : answer.error);
  return false;
}

static inline bool is_number(sqlite3 *db, const char *sql, int64_t expected) {
  if (ask(db, sql, NULL, 0) && answer.number == expected) return true;
  printf("%s → %lld %s\n", sql, (long long)answer.number, answer.error);
  return false;
}

/* Asks and expects this error. */
static inline bool fails(sqlite3 *db, const char *sql, int status, const char *text) {
  if (!ask(db, sql, NULL, 0) && answer.status == status && strstr(answer.error, text)) return true;
  printf("%s → %d %s\n", sql, answer.status, answer.error);
  return false;
}

#endif
