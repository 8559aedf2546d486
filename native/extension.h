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

/* Registers the virtual table; `connection` is handed to every connected table and must live until
 * the module is destroyed (`release`). */
int mq_register_messages(mq_connection *connection, void (*release)(void *));

/* Finalizes the statements: from the disconnect of mq_messages. */
void mq_finalize_statements(mq_connection *connection);

#endif
