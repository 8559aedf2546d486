/* Goal: the SQL functions keep what native/extension.c promises: nothing damaged is served, a bad
 * batch changes nothing, a connection can always be closed, running out of memory at any point leaks
 * and breaks nothing. Method: a plain SQLite, built with the sanitizers, drives the extension; the
 * n-th allocation fails, for every n. */
#include "database.h"

static buffer batch;
static uint8_t block[MQ_BLOCK_BYTES_MAX];
static size_t block_bytes;

/* Two messages, one state change, and the block of the messages. */
static void make_batch(void) {
  static buffer message;
  sample_message first = {.queue_id = 1, .queue_offset = 0, .position = 0, .body = "one",
                          .body_bytes = 3, .properties = "KEYS\1k1\2TAGS\1TagA\2q\1\"\\\t\2"};
  sample_message second = {.queue_id = 2, .queue_offset = 0, .position = 2, .system_flag = 0x30,
                           .body = "\xff\0x", .body_bytes = 3, .properties = ""};
  batch.count = message.count = 0;
  add_message(&message, &first);
  add_entry(&batch, MQ_KIND_MESSAGE, 3, 1, message.bytes, message.count);
  add_entry(&batch, MQ_KIND_STATE, 0, 0, "{}", 2);
  message.count = 0;
  add_message(&message, &second);
  add_entry(&batch, MQ_KIND_MESSAGE, 3, 2, message.bytes, message.count);
  mq_block header = {.topic_id = 3, .queue_id = 1, .count = 1, .first_time_ms = 5,
                     .last_time_ms = 6};
  mq_block_message messages[1] = {{0, 120, 2598919}};
  block_bytes = mq_block_encode(&header, messages, block);
  add_entry(&batch, MQ_KIND_INDEX_BLOCK, 3, 1, block, block_bytes);
}

static bool append(sqlite3 *db, int64_t position, uint32_t chain) {
  char sql[100];
  snprintf(sql, sizeof sql, "SELECT mq_append(?1, %lld, %u, 7)", (long long)position, chain);
  return ask(db, sql, batch.bytes, batch.count);
}

static sqlite3 *filled(const char *path) {
  sqlite3 *db = open_database(path);
  must(db, "BEGIN");
  CHECK(append(db, 0, 0));
  must(db, "COMMIT");
  return db;
}

static void test_append_and_read(void) {
  sqlite3 *db = filled(":memory:");
  uint32_t chain = (uint32_t)answer.number;
  CHECK(is_number(db, "SELECT count(*) FROM entries", 3));
  CHECK(is_text(db, "SELECT group_concat(kind || ':' || topic_id || ':' || queue_id || ':' || epoch)"
                    " FROM entries", "1:3:1:7,2:0:0:7,1:3:2:7"));
  CHECK(is_number(db, "SELECT crc FROM entries WHERE position = 2", chain));
  CHECK(is_text(db, "SELECT group_concat(first_offset || ':' || count || ':' || first_time_ms ||"
                    " ':' || last_time_ms || ':' || length(block)) FROM index_blocks",
                "0:1:5:6:60"));
  must(db, "BEGIN");
  CHECK(append(db, 3, chain));
  must(db, "COMMIT");
  CHECK(is_number(db, "SELECT count(*) FROM entries", 6));
  CHECK(is_number(db, "SELECT count(*) FROM index_blocks", 1)); /* replaced, not doubled */
  CHECK(is_number(db, "SELECT mq_verify(0, 6)", 6));
  CHECK(is_number(db, "SELECT mq_verify(2, 2)", 0));
  CHECK(is_text(db, "SELECT mq_read(x'0000000000000001', 0)", "{}"));
  CHECK(is_number(db, "SELECT length(mq_read(x'00000000000000010000000000000004', 3))", 2));
  CHECK(is_text(db, "SELECT mq_read(x'00000000000000010000000000000004', 4)", "{}{}"));
  CHECK(is_number(db, "SELECT length(mq_read(x'', 4))", 0));
  CHECK(is_number(db,
                  "SELECT length(mq_read(x'000000000000000000000000000000010000000000000002', 1e9))"
                  " = sum(length(payload)) FROM entries WHERE position < 3",
                  1));
  CHECK(sqlite3_txn_state(db, NULL) == SQLITE_TXN_NONE); /* no statement was left standing */
  CHECK(ask(db, "SELECT mq_filter(?1, 0, 10, NULL)", block, block_bytes) && answer.bytes == 16);
  CHECK(ask(db, "SELECT mq_filter(?1, 0, 10, x'')", block, block_bytes) && answer.bytes == 8);
  CHECK(ask(db, "SELECT mq_filter(?1, 0, 10, x'0027A807')", block, block_bytes) &&
        answer.bytes == 16);
  CHECK(sqlite3_close(db) == SQLITE_OK);
}

/* The result grows as payloads come: every sum of sizes near a doubling. */
static void test_read_grows(void) {
  for (size_t first = 0; first < 20; first++) {
    for (size_t second = 0; second < 40; second++) {
      static buffer two;
      static const char text[] = "0123456789012345678901234567890123456789";
      sqlite3 *db = open_database(":memory:");
      two.count = 0;
      add_entry(&two, MQ_KIND_STATE, 0, 0, text, first);
      add_entry(&two, MQ_KIND_STATE, 0, 0, text, second);
      must(db, "BEGIN");
      CHECK(ask(db, "SELECT mq_append(?1, 0, 0, 0)", two.bytes, two.count));
      must(db, "COMMIT");
      ask(db, "SELECT mq_read(x'00000000000000000000000000000001', 20)", NULL, 0);
      CHECK(answer.bytes == (first == 0 || first + second <= 20 ? first + second : first));
      CHECK(memcmp(answer.text, text, first) == 0);
      sqlite3_close(db);
    }
  }
}

static void test_append_refuses(void) {
  sqlite3 *db = filled(":memory:");
  uint32_t chain = (uint32_t)answer.number;
  CHECK(!append(db, 3, chain) && strstr(answer.error, "not inside a transaction"));
  must(db, "BEGIN");
  CHECK(!append(db, 4, chain) && answer.status == SQLITE_MISUSE);
  CHECK(!append(db, 2, chain) && answer.status == SQLITE_MISUSE);
  CHECK(!append(db, 3, chain ^ 1) && strstr(answer.error, "does not follow"));
  for (size_t cut = 1; cut < 16; cut++) {
    batch.count -= cut;
    CHECK(!append(db, 3, chain) && strstr(answer.error, "batch: cut"));
    batch.count += cut;
  }
  batch.bytes[batch.count - 1] ^= 1; /* inside the index block, behind good entries */
  CHECK(!append(db, 3, chain) && strstr(answer.error, "checksum mismatch"));
  make_batch();
  CHECK(is_number(db, "SELECT count(*) FROM entries", 3));
  must(db, "COMMIT");
  static const char *const wrong[] = {
      "SELECT mq_append('text', 0, 0, 0)", "SELECT mq_append(x'', -1, 0, 0)",
      "SELECT mq_append(x'', 0.5, 0, 0)",  "SELECT mq_append(x'', 0, 4294967296, 0)",
      "SELECT mq_append(x'', 0, 0, NULL)", "SELECT mq_append(x'', 1e300, 0, 0)",
      "SELECT mq_read(1, 1)",              "SELECT mq_read(x'00', 1)",
      "SELECT mq_read(x'', -1)",           "SELECT mq_verify(-1, 1)",
      "SELECT mq_verify(0, 'x')",          "SELECT mq_crc32c('x')",
      "SELECT mq_filter(NULL, 0, 1, NULL)"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    CHECK(fails(db, wrong[i], SQLITE_MISUSE, "mq_"));
  }
  CHECK(!ask(db, "SELECT mq_filter(?1, 0, 1, x'00')", block, block_bytes));
  CHECK(fails(db, "SELECT mq_filter(x'00', 0, 1, NULL)", SQLITE_CORRUPT, "too short"));
  /* SQLite's own errors pass through, with the rows before to be rolled back by the caller. */
  must(db, "CREATE TRIGGER stop BEFORE INSERT ON entries WHEN new.position = 5"
           " BEGIN SELECT raise(ABORT, 'stopped here'); END");
  must(db, "BEGIN");
  CHECK(!append(db, 3, chain) && strstr(answer.error, "stopped here"));
  CHECK((answer.status & 0xff) == SQLITE_CONSTRAINT);
  must(db, "ROLLBACK");
  CHECK(is_number(db, "SELECT mq_verify(0, 3)", 3));
  must(db, "ALTER TABLE entries RENAME TO elsewhere");
  CHECK(fails(db, "SELECT mq_read(x'0000000000000001', 0)", SQLITE_ERROR, "no such table"));
  CHECK(fails(db, "SELECT * FROM mq_messages", SQLITE_ERROR, "no such table"));
  CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void test_damage(void) {
  static const char *const damages[] = {
      "payload = x'7b5d'", "payload = x''",      "kind = 1",      "kind = 258",
      "epoch = 8",         "epoch = 4294967303", "topic_id = 1",  "queue_id = 1",
      "chain = chain + 1", "crc = crc + 1",      "crc = crc + 4294967296", "queue_id = -1"};
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    sqlite3 *db = filled(":memory:");
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE entries SET %s WHERE position = 1", damages[i]);
    must(db, sql);
    const char *text = "entry 1: checksum mismatch";
    CHECK(fails(db, "SELECT mq_read(x'00000000000000000000000000000001', 1000)", SQLITE_CORRUPT,
                text));
    CHECK(fails(db, "SELECT mq_verify(0, 3)", SQLITE_CORRUPT, text));
    CHECK(is_number(db, "SELECT mq_verify(0, 1)", 1));
    CHECK(sqlite3_close(db) == SQLITE_OK);
  }
  sqlite3 *db = filled(":memory:");
  must(db, "UPDATE entries SET payload = substr(payload, 1, 20) WHERE position = 2");
  CHECK(fails(db, "SELECT body FROM mq_messages", SQLITE_CORRUPT, "entry 2: checksum mismatch"));
  must(db, "DELETE FROM entries WHERE position = 1");
  CHECK(fails(db, "SELECT mq_read(x'0000000000000001', 9)", SQLITE_CORRUPT, "entry 1: missing"));
  CHECK(fails(db, "SELECT mq_verify(0, 3)", SQLITE_CORRUPT, "entry 1: missing"));
  CHECK(fails(db, "SELECT mq_verify(0, 99)", SQLITE_CORRUPT, "entry 1: missing"));
  /* A row that is sound in itself, but not the one that came after its predecessor. */
  mq_entry foreign = {.kind = 2, .payload = (const uint8_t *)"{}", .payload_bytes = 2};
  char sql[200];
  snprintf(sql, sizeof sql, "INSERT INTO entries VALUES (1, 2, 7, 0, 0, 99, %u, x'7b7d')",
           mq_entry_crc(1, 7, 99, &foreign));
  must(db, sql);
  CHECK(is_text(db, "SELECT mq_read(x'0000000000000001', 9)", "{}"));
  CHECK(fails(db, "SELECT mq_verify(0, 3)", SQLITE_CORRUPT, "entry 1: chain broken"));
  CHECK(fails(db, "SELECT mq_verify(1, 2)", SQLITE_CORRUPT, "entry 1: chain broken"));
  CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void test_close(void) {
  sqlite3 *unused = open_database(":memory:");
  CHECK(sqlite3_close(unused) == SQLITE_OK);
  sqlite3 *db = filled(":memory:");
  sqlite3_stmt *open;
  sqlite3_prepare_v2(db, "SELECT position FROM mq_messages", -1, &open, NULL);
  CHECK(sqlite3_step(open) == SQLITE_ROW);
  CHECK(sqlite3_close(db) == SQLITE_BUSY);
  CHECK(sqlite3_step(open) == SQLITE_ROW && sqlite3_column_int(open, 0) == 2);
  CHECK(is_number(db, "SELECT mq_verify(0, 3)", 3)); /* goes on, and can be closed after that too */
  sqlite3_finalize(open);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  sqlite3 *zombie = filled(":memory:");
  sqlite3_prepare_v2(zombie, "SELECT mq_verify(0, 3)", -1, &open, NULL);
  CHECK(sqlite3_close_v2(zombie) == SQLITE_OK);
  sqlite3_finalize(open);
  sqlite3 *twice = filled(":memory:");
  CHECK(sqlite3_load_extension(twice, extension_path, NULL, NULL) == SQLITE_OK);
  CHECK(is_number(twice, "SELECT mq_verify(0, 3)", 3));
  CHECK(sqlite3_close(twice) == SQLITE_OK);
  sqlite3 *later; /* connections opened later have the functions without loading anything */
  CHECK(sqlite3_open(":memory:", &later) == SQLITE_OK);
  CHECK(is_number(later, "SELECT mq_crc32c(CAST('123456789' AS BLOB))", 0xe3069283));
  CHECK(sqlite3_close(later) == SQLITE_OK);
}

/* ---- Out of memory --------------------------------------------------------------------------- */

static sqlite3_mem_methods real_memory;
static long allocations_left = -1; /* negative: no limit */

static bool is_out(void) { return allocations_left >= 0 && allocations_left-- == 0; }
static void *limited_malloc(int count) { return is_out() ? NULL : real_memory.xMalloc(count); }
static void *limited_realloc(void *old, int count) {
  return is_out() ? NULL : real_memory.xRealloc(old, count);
}

static void limit_memory(void) {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
  sqlite3_mem_methods limited = real_memory;
  limited.xMalloc = limited_malloc;
  limited.xRealloc = limited_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &limited);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* or small allocations would not be seen */
}

static void test_out_of_memory(void) {
  int outcomes[2] = {0, 0};
  bool is_done = false;
  for (long n = 0; n < 3000 && !is_done; n++) {
    sqlite3 *db = open_database(":memory:");
    must(db, "BEGIN");
    allocations_left = n;
    is_done = append(db, 0, 0) &&
              ask(db, "SELECT mq_read(x'00000000000000000000000000000002', 9999)", NULL, 0) &&
              ask(db, "SELECT mq_verify(0, 3)", NULL, 0) &&
              ask(db, "SELECT properties || text || store_host || message_id FROM mq_messages",
                  NULL, 0) &&
              ask(db, "SELECT mq_verify(0, 9)", NULL, 0) == false && allocations_left > 0 &&
              strcmp(answer.error, "entry 3: missing") == 0;
    allocations_left = -1;
    outcomes[is_done]++;
    CHECK(is_done || (answer.status & 0xff) == SQLITE_NOMEM || answer.status == SQLITE_CORRUPT ||
          answer.status == SQLITE_ERROR);
    if (!sqlite3_get_autocommit(db)) must(db, "ROLLBACK");
    CHECK(sqlite3_close(db) == SQLITE_OK);
  }
  CHECK(outcomes[1] == 1 && outcomes[0] > 50);
}

int main(int count, char **values) {
  extension_path = count > 1 ? values[1] : "build/native-test/mqcore.so";
  limit_memory();
  make_batch();
  test_append_and_read();
  test_read_grows();
  test_append_refuses();
  test_damage();
  test_close();
  test_out_of_memory();
  return finish("extension");
}
