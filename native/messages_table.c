/* mq_messages: the messages of a segment as rows that people can read and query.
 *
 *   SELECT topic, queue_offset, keys, text FROM mq_messages WHERE position > 1000 LIMIT 5
 *
 * An eponymous table over main.entries. Bounds on position become a seek, an equality on queue_id
 * skips rows before they are decoded, both orders by position need no sort. Every row's checksum is
 * checked; a damaged one ends the query with its position. Read only. */
#include <stdio.h>
#include <string.h>

#include "extension.h"

SQLITE_EXTENSION_INIT3

typedef struct {
  sqlite3_vtab base;
  mq_connection *connection;
} messages_table;

typedef struct {
  sqlite3_vtab_cursor base;
  sqlite3_stmt *rows;
  bool is_at_end;
  mq_record record;
} messages_cursor;

enum {
  POSITION,
  TOPIC,
  QUEUE_ID,
  QUEUE_OFFSET,
  STORE_TIME_MS,
  BORN_TIME_MS,
  KEYS,
  TAGS,
  PROPERTIES,
  BODY,
  TEXT,
  RECONSUME_TIMES,
  STORE_HOST,
  BORN_HOST,
  MESSAGE_ID
};

static const char DECLARATION[] =
    "CREATE TABLE mq_messages ("
    "position INTEGER, topic TEXT, queue_id INTEGER, queue_offset INTEGER,"
    " store_time_ms INTEGER, born_time_ms INTEGER, keys TEXT, tags TEXT, properties TEXT,"
    " body BLOB, text TEXT, reconsume_times INTEGER, store_host TEXT, born_host TEXT,"
    " message_id TEXT)";

static int connect_table(sqlite3 *db, void *shared, int count, const char *const *values,
                         sqlite3_vtab **table, char **error) {
  (void)count, (void)values, (void)error;
  int status = sqlite3_declare_vtab(db, DECLARATION);
  if (status != SQLITE_OK) return status;
  messages_table *made = sqlite3_malloc64(sizeof *made);
  if (made == NULL) return SQLITE_NOMEM;
  *made = (messages_table){.connection = shared};
  *table = &made->base;
  return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table) {
  mq_finalize_statements(((messages_table *)table)->connection);
  sqlite3_free(table);
  return SQLITE_OK;
}

/* ---- Plan ------------------------------------------------------------------------------------ */

/* idxNum: which bounds come as arguments (point, from, to, queue) and the direction. A constraint
 * is never marked as settled: SQLite checks it again, so no integer needs to be exact here. */
enum {
  PLAN_POINT = 1,
  PLAN_FROM = 2,
  PLAN_TO = 4,
  PLAN_QUEUE = 8,
  PLAN_ABOVE = 16, /* FROM does not include its value, so that a query can step over damage */
  PLAN_BELOW = 32, /* nor TO */
  PLAN_DESCENDING = 64
};

static int plan_bits(int column, int operator) {
  if (column == QUEUE_ID) return operator == SQLITE_INDEX_CONSTRAINT_EQ ? PLAN_QUEUE : 0;
  if (column != POSITION) return 0;
  switch (operator) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return PLAN_POINT;
    case SQLITE_INDEX_CONSTRAINT_GT: return PLAN_FROM | PLAN_ABOVE;
    case SQLITE_INDEX_CONSTRAINT_GE: return PLAN_FROM;
    case SQLITE_INDEX_CONSTRAINT_LT: return PLAN_TO | PLAN_BELOW;
    case SQLITE_INDEX_CONSTRAINT_LE: return PLAN_TO;
    default: return 0;
  }
}

static int plan(sqlite3_vtab *table, sqlite3_index_info *info) {
  (void)table;
  static const int order[] = {PLAN_POINT, PLAN_FROM, PLAN_TO, PLAN_QUEUE};
  int argument = 0;
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    /* Next to a point, bounds add nothing. */
    if ((info->idxNum & PLAN_POINT) != 0 && order[i] != PLAN_QUEUE) continue;
    for (int c = 0; c < info->nConstraint && (info->idxNum & order[i]) == 0; c++) {
      if (!info->aConstraint[c].usable) continue;
      int bits = plan_bits(info->aConstraint[c].iColumn, info->aConstraint[c].op);
      if ((bits & order[i]) == 0) continue;
      info->aConstraintUsage[c].argvIndex = ++argument;
      info->idxNum |= bits;
    }
  }
  double rows = (info->idxNum & PLAN_POINT) != 0 ? 1 : 1e6;
  if ((info->idxNum & PLAN_FROM) != 0) rows /= 4;
  if ((info->idxNum & PLAN_TO) != 0) rows /= 4;
  info->estimatedRows = (sqlite3_int64)rows;
  info->estimatedCost = (info->idxNum & PLAN_QUEUE) != 0 ? rows * 0.6 : rows;
  if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn == POSITION) {
    info->orderByConsumed = 1;
    if (info->aOrderBy[0].desc) info->idxNum |= PLAN_DESCENDING;
  }
  return SQLITE_OK;
}

/* ---- Cursor ---------------------------------------------------------------------------------- */

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **cursor) {
  (void)table;
  messages_cursor *made = sqlite3_malloc64(sizeof *made);
  if (made == NULL) return SQLITE_NOMEM;
  *made = (messages_cursor){.is_at_end = true};
  *cursor = &made->base;
  return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base) {
  messages_cursor *cursor = (messages_cursor *)base;
  sqlite3_finalize(cursor->rows);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

static int say(sqlite3_vtab *table, int status, char *text) {
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = text;
  return text == NULL ? SQLITE_NOMEM : status;
}

static int next_row(sqlite3_vtab_cursor *base) {
  messages_cursor *cursor = (messages_cursor *)base;
  int status = sqlite3_step(cursor->rows);
  cursor->is_at_end = status != SQLITE_ROW;
  if (status == SQLITE_DONE) return SQLITE_OK;
  sqlite3_int64 position = sqlite3_column_int64(cursor->rows, COLUMN_POSITION);
  if (status != SQLITE_ROW) {
    sqlite3 *db = sqlite3_db_handle(cursor->rows);
    return say(base->pVtab, status, sqlite3_mprintf("%s", sqlite3_errmsg(db)));
  }
  mq_entry entry;
  const char *fault = NULL;
  if (!mq_entry_of_row(cursor->rows, &entry)) {
    fault = "checksum mismatch";
  } else if (!mq_record_parse(entry.payload, entry.payload_bytes, &cursor->record)) {
    fault = "not a stored message";
  }
  if (fault == NULL) return SQLITE_OK;
  cursor->is_at_end = true;
  return say(base->pVtab, SQLITE_CORRUPT, sqlite3_mprintf("entry %lld: %s", position, fault));
}

static void bind_integer(sqlite3_stmt *rows, int parameter, sqlite3_value *value, int add) {
  if (sqlite3_value_numeric_type(value) != SQLITE_INTEGER) return; /* keeps the widest bound */
  sqlite3_int64 number = sqlite3_value_int64(value);
  if (number == INT64_MIN || number == INT64_MAX) return; /* nothing to gain, and add would wrap */
  sqlite3_bind_int64(rows, parameter, number + add);
}

static int filter(sqlite3_vtab_cursor *base, int bits, const char *unused, int count,
                  sqlite3_value **values) {
  (void)unused, (void)count;
  messages_cursor *cursor = (messages_cursor *)base;
  messages_table *table = (messages_table *)base->pVtab;
  sqlite3_finalize(cursor->rows);
  cursor->rows = NULL;
  cursor->is_at_end = true;
  char *sql = sqlite3_mprintf("SELECT " MQ_ENTRY_COLUMNS
                              " FROM main.entries WHERE position BETWEEN ?1 AND ?2 AND kind = %d"
                              " AND (?3 IS NULL OR queue_id = ?3) ORDER BY position%s",
                              MQ_KIND_MESSAGE, (bits & PLAN_DESCENDING) != 0 ? " DESC" : "");
  if (sql == NULL) return SQLITE_NOMEM;
  sqlite3 *db = table->connection->db;
  int status = sqlite3_prepare_v2(db, sql, -1, &cursor->rows, NULL);
  sqlite3_free(sql);
  if (status != SQLITE_OK) {
    return say(base->pVtab, status, sqlite3_mprintf("%s", sqlite3_errmsg(db)));
  }
  sqlite3_bind_int64(cursor->rows, 1, INT64_MIN);
  sqlite3_bind_int64(cursor->rows, 2, INT64_MAX);
  int argument = 0;
  if ((bits & PLAN_POINT) != 0) {
    bind_integer(cursor->rows, 1, values[argument], 0);
    bind_integer(cursor->rows, 2, values[argument++], 0);
  }
  int above = (bits & PLAN_ABOVE) != 0 ? 1 : 0, below = (bits & PLAN_BELOW) != 0 ? -1 : 0;
  if ((bits & PLAN_FROM) != 0) bind_integer(cursor->rows, 1, values[argument++], above);
  if ((bits & PLAN_TO) != 0) bind_integer(cursor->rows, 2, values[argument++], below);
  if ((bits & PLAN_QUEUE) != 0) bind_integer(cursor->rows, 3, values[argument], 0);
  return next_row(base);
}

static int is_at_end(sqlite3_vtab_cursor *base) { return ((messages_cursor *)base)->is_at_end; }

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *id) {
  *id = sqlite3_column_int64(((messages_cursor *)base)->rows, COLUMN_POSITION);
  return SQLITE_OK;
}

/* ---- Columns --------------------------------------------------------------------------------- */

static void give_text(sqlite3_context *context, const char *text, size_t count) {
  sqlite3_result_text64(context, text, count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void give_property(sqlite3_context *context, const mq_record *record, const char *name) {
  mq_property property;
  if (!mq_property_find(record, name, &property)) return; /* NULL */
  give_text(context, property.value, property.value_bytes);
}

static void append_json(sqlite3_str *json, const char *text, size_t count) {
  sqlite3_str_appendchar(json, 1, '"');
  for (size_t i = 0; i < count; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte == '"' || byte == '\\') {
      sqlite3_str_appendf(json, "\\%c", byte);
    } else if (byte < 0x20) {
      sqlite3_str_appendf(json, "\\u%04x", byte);
    } else {
      sqlite3_str_append(json, text + i, 1);
    }
  }
  sqlite3_str_appendchar(json, 1, '"');
}

static void give_properties(sqlite3_context *context, const mq_record *record) {
  sqlite3_str *json = sqlite3_str_new(sqlite3_context_db_handle(context));
  mq_property property;
  const char *before = "{";
  for (size_t at = 0; mq_property_next(record, &at, &property); before = ",") {
    sqlite3_str_appendall(json, before);
    append_json(json, property.name, property.name_bytes);
    sqlite3_str_appendchar(json, 1, ':');
    append_json(json, property.value, property.value_bytes);
  }
  sqlite3_str_appendall(json, before[0] == '{' ? "{}" : "}");
  int status = sqlite3_str_errcode(json);
  char *text = sqlite3_str_finish(json);
  if (status != SQLITE_OK) {
    sqlite3_result_error_code(context, status);
    sqlite3_free(text);
    return;
  }
  sqlite3_result_text(context, text, -1, sqlite3_free);
}

static void give_host(sqlite3_context *context, const uint8_t *host, size_t count) {
  char text[64];
  size_t port_at = count - 4;
  unsigned port = (unsigned)host[port_at + 2] << 8 | host[port_at + 3];
  int used = 0;
  if (port_at == 4) {
    used = snprintf(text, sizeof text, "%u.%u.%u.%u", host[0], host[1], host[2], host[3]);
  } else {
    for (size_t i = 0; i < 16; i += 2) {
      unsigned group = (unsigned)host[i] << 8 | host[i + 1];
      used += snprintf(text + used, sizeof text - (size_t)used, "%c%x", i == 0 ? '[' : ':', group);
    }
    text[used++] = ']';
  }
  used += snprintf(text + used, sizeof text - (size_t)used, ":%u", port);
  give_text(context, text, (size_t)used);
}

/* Store host, port and position in capital hexadecimal: the id a broker answers a send with. */
static void give_message_id(sqlite3_context *context, const mq_record *record) {
  char text[2 * 20 + 16 + 1];
  size_t used = 0;
  for (size_t i = 0; i < record->store_host_bytes; i++) {
    used += (size_t)snprintf(text + used, sizeof text - used, "%02X", record->store_host[i]);
  }
  unsigned long long position = (unsigned long long)record->position;
  used += (size_t)snprintf(text + used, sizeof text - used, "%016llX", position);
  give_text(context, text, used);
}

/* The body as text, if that is what it is: not compressed, sound UTF-8, no NUL. */
static void give_body_text(sqlite3_context *context, const mq_record *record) {
  const char *body = (const char *)record->body;
  if ((record->system_flag & MQ_SYSTEM_FLAG_COMPRESSED) != 0) return;
  if (memchr(record->body, 0, record->body_bytes) != NULL) return;
  if (mq_is_utf8(body, record->body_bytes)) give_text(context, body, record->body_bytes);
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index) {
  messages_cursor *cursor = (messages_cursor *)base;
  const mq_record *record = &cursor->record;
  switch (index) {
    case POSITION:
      sqlite3_result_int64(context, sqlite3_column_int64(cursor->rows, COLUMN_POSITION));
      break;
    case TOPIC: give_text(context, record->topic, record->topic_bytes); break;
    case QUEUE_ID: sqlite3_result_int(context, record->queue_id); break;
    case QUEUE_OFFSET: sqlite3_result_int64(context, record->queue_offset); break;
    case STORE_TIME_MS: sqlite3_result_int64(context, record->store_time_ms); break;
    case BORN_TIME_MS: sqlite3_result_int64(context, record->born_time_ms); break;
    case KEYS: give_property(context, record, "KEYS"); break;
    case TAGS: give_property(context, record, "TAGS"); break;
    case PROPERTIES: give_properties(context, record); break;
    case BODY:
      sqlite3_result_blob64(context, record->body, record->body_bytes, SQLITE_TRANSIENT);
      break;
    case TEXT: give_body_text(context, record); break;
    case RECONSUME_TIMES: sqlite3_result_int(context, record->reconsume_times); break;
    case STORE_HOST: give_host(context, record->store_host, record->store_host_bytes); break;
    case BORN_HOST: give_host(context, record->born_host, record->born_host_bytes); break;
    case MESSAGE_ID: give_message_id(context, record); break;
    default: break;
  }
  return SQLITE_OK;
}

int mq_register_messages(mq_connection *connection, void (*release)(void *)) {
  static const sqlite3_module module = {
      /* No xCreate: the table exists by its own name only. */
      .xConnect = connect_table,
      .xBestIndex = plan,
      .xDisconnect = disconnect_table,
      .xOpen = open_cursor,
      .xClose = close_cursor,
      .xFilter = filter,
      .xNext = next_row,
      .xEof = is_at_end,
      .xColumn = column,
      .xRowid = row_id,
  };
  return sqlite3_create_module_v2(connection->db, "mq_messages", &module, connection, release);
}
