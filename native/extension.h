/* What the files that know SQLite share. One mq_connection belongs to one database connection; it
 * holds the prepared statements, so that the hot path prepares and allocates nothing.
 *
 * Life of the statements: sqlite3_close() refuses while statements are open, and the destructors of
 * functions run only after that check. What runs before it is the disconnect of virtual tables. So
 * the first statement makes sure that mq_messages is connected, and its disconnect finalizes them;
 * if the connection then lives on after all, the next call starts over. */
#ifndef MQ_EXTENSION_H
#define MQ_EXTENSION_H

#include "mqcore.h"
#include "sqlite3ext.h"

typedef enum {
  STATEMENT_LAST_ENTRY,
  STATEMENT_INSERT_ENTRY,
  STATEMENT_INSERT_BLOCK,
  STATEMENT_READ_ENTRY,
  STATEMENT_READ_RANGE,
  STATEMENT_COUNT
} mq_statement;

typedef struct {
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENT_COUNT];
  bool is_guarded; /* mq_messages is connected and will finalize the statements */
  int references;  /* one per function and module that was given this pointer */
} mq_connection;

/* The columns every statement that reads entries selects first, in this order. */
#define MQ_ENTRY_COLUMNS "position, kind, epoch, topic_id, queue_id, chain, crc, payload"
enum {
  COLUMN_POSITION,
  COLUMN_KIND,
  COLUMN_EPOCH,
  COLUMN_TOPIC_ID,
  COLUMN_QUEUE_ID,
  COLUMN_CHAIN,
  COLUMN_CRC,
  COLUMN_PAYLOAD
};

/* The row a statement stands on, as an entry whose checksum holds. The payload dies with the
 * statement's next step or reset. False if the checksum does not hold. */
bool mq_entry_of_row(sqlite3_stmt *row, mq_entry *entry);

/* ---- For the functions ----------------------------------------------------------------------- */

/* Positions, offsets and sizes stay exact in JavaScript. */
static const sqlite3_int64 MQ_POSITION_MAX = (1LL << 53) - 1;

/* A cached statement, NULL after having reported an error. The caller resets it when done: one left
 * standing would keep its read transaction open. */
sqlite3_stmt *mq_prepared(sqlite3_context *context, mq_statement which);

/* Arguments. False after having reported the error. An empty blob is NULL and no bytes. */
bool mq_take_number(sqlite3_context *context, sqlite3_value *value, sqlite3_int64 max,
                    const char *complaint, sqlite3_int64 *number);
bool mq_take_blob(sqlite3_context *context, sqlite3_value *value, const char *complaint,
                  const uint8_t **bytes, size_t *count);

/* Errors: with a code and text of ours, with those of SQLite's last error, or "entry N: what". */
void mq_fail(sqlite3_context *context, int status, const char *text);
void mq_fail_as_database(sqlite3_context *context);
void mq_fail_as_entry(sqlite3_context *context, sqlite3_int64 position, const char *what);

/* ---- The functions --------------------------------------------------------------------------- */

void mq_append(sqlite3_context *context, int count, sqlite3_value **values);
void mq_read(sqlite3_context *context, int count, sqlite3_value **values);
void mq_verify(sqlite3_context *context, int count, sqlite3_value **values);
void mq_crc32c_function(sqlite3_context *context, int count, sqlite3_value **values);
void mq_filter(sqlite3_context *context, int count, sqlite3_value **values);

/* ---- mq_messages ----------------------------------------------------------------------------- */

/* Registers the virtual table; `connection` is handed to every connected table and must live until
 * the module is destroyed (`release`). */
int mq_register_messages(mq_connection *connection, void (*release)(void *));

/* Finalizes the statements: from the disconnect of mq_messages. */
void mq_finalize_statements(mq_connection *connection);

#endif
