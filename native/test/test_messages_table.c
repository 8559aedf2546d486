/* Goal: mq_messages shows what was stored, pushes bounds down, and two threads with a connection each
 * do not disturb one another. Method: as test_extension.c, with a few hundred messages in a file. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "database.h"

enum { MESSAGES = 300 };

static void fill(sqlite3 *db) {
  uint32_t chain = 0;
  must(db, "BEGIN");
  for (int i = 0; i < MESSAGES; i++) {
    static buffer message, batch;
    char body[20];
    snprintf(body, sizeof body, "body %d", i);
    sample_message sample = {.queue_id = i % 4, .queue_offset = i / 4, .position = i,
                             .body = body, .body_bytes = strlen(body),
                             .properties = "KEYS\1a b\2TAGS\1TagA\2note\1say \"hi\"\\\n\2"};
    if (i == 7) sample.system_flag = 0x31; /* IPv6 both, compressed */
    if (i == 8) sample.body = "\xff", sample.body_bytes = 1, sample.properties = "";
    message.count = batch.count = 0;
    add_message(&message, &sample);
    add_entry(&batch, MQ_KIND_MESSAGE, 3, (uint32_t)i % 4, message.bytes, message.count);
    if (i % 100 == 99) add_entry(&batch, MQ_KIND_STATE, 0, 0, "{}", 2);
    char sql[100];
    int states = i / 100;
    snprintf(sql, sizeof sql, "SELECT mq_append(?1, %d, %u, 1)", i + states, chain);
    CHECK(ask(db, sql, batch.bytes, batch.count));
    chain = (uint32_t)answer.number;
  }
  must(db, "COMMIT");
}

static void test_columns(sqlite3 *db) {
  const char *row = "SELECT position || ',' || topic || ',' || queue_id || ',' || queue_offset || ','"
                    " || store_time_ms || ',' || born_time_ms || ',' || keys || ',' || tags || ',' ||"
                    " text || ',' || reconsume_times || ',' || store_host || ',' || born_host"
                    " FROM mq_messages WHERE position = 5";
  CHECK(is_text(db, row, "5,orders,1,1,1700000000002,1700000000001,a b,TagA,body 5,3,"
                         "10.0.0.1:10097,10.0.0.1:10097"));
  CHECK(is_text(db, "SELECT message_id FROM mq_messages WHERE position = 5",
                "0A000001000027710000000000000005"));
  CHECK(is_text(db, "SELECT properties ->> 'note' FROM mq_messages WHERE position = 5",
                "say \"hi\"\\\n"));
  CHECK(is_number(db, "SELECT json_valid(properties) FROM mq_messages WHERE position = 5", 1));
  CHECK(is_text(db, "SELECT properties FROM mq_messages WHERE position = 8", "{}"));
  CHECK(is_text(db, "SELECT hex(body) || (text IS NULL) || (keys IS NULL) FROM mq_messages"
                    " WHERE position = 8", "FF11"));
  CHECK(is_text(db, "SELECT store_host || (text IS NULL) || length(message_id) FROM mq_messages"
                    " WHERE position = 7", "[2001:db8:0:0:0:0:0:1]:10097156"));
  CHECK(is_number(db, "SELECT rowid FROM mq_messages WHERE position = 12", 12));
}

static void test_bounds(sqlite3 *db) {
  static const struct {
    const char *where;
    int64_t count;
  } cases[] = {
      {"1", MESSAGES},        {"position < 10", 10},       {"position <= 10", 11},
      {"position > 295", 6},  {"position >= 295", 7},      {"position BETWEEN 5 AND 8", 4},
      {"position = 5", 1},    {"position = 100", 0},       {"position = 'x'", 0},
      {"position > 4.5 AND position < 6.5", 2},            {"position = 5 AND position < 3", 0},
      {"position > '5'", MESSAGES - 6},                    {"position > NULL", 0},
      {"position > 9223372036854775807", 0}, {"position < -9223372036854775807", 0},
      {"position < 9223372036854775807", MESSAGES},
      {"queue_id = 2", 75},   {"queue_id = 2 AND position < 8", 2}, {"queue_id = 'x'", 0},
      {"queue_id IN (1, 2) AND position IN (1, 2, 3, 5)", 3}, {"topic = 'orders'", MESSAGES},
      {"topic = 'other'", 0}, {"tags = 'TagA' AND queue_offset = 3", 4}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM mq_messages WHERE %s", cases[i].where);
    CHECK(is_number(db, sql, cases[i].count));
  }
  CHECK(is_text(db, "SELECT group_concat(position) FROM (SELECT position FROM mq_messages"
                    " WHERE position > 97 ORDER BY position LIMIT 4)", "98,99,101,102"));
  CHECK(is_text(db, "SELECT group_concat(position) FROM (SELECT position FROM mq_messages"
                    " ORDER BY position DESC LIMIT 3)", "301,300,299"));
  CHECK(is_text(db, "SELECT group_concat(position) FROM (SELECT position FROM mq_messages"
                    " WHERE queue_id = 1 ORDER BY queue_offset DESC LIMIT 2)", "299,295"));
  CHECK(is_number(db, "SELECT count(*) FROM mq_messages a JOIN mq_messages b"
                      " ON b.position = a.position + 1 WHERE a.position < 20", 20));
  CHECK(fails(db, "DELETE FROM mq_messages", SQLITE_ERROR, "may not be modified"));
  /* A bound is a seek: damage outside of it is not met. */
  must(db, "UPDATE entries SET crc = 0 WHERE position = 50");
  CHECK(is_number(db, "SELECT count(*) FROM mq_messages WHERE position > 50", MESSAGES - 51));
  CHECK(is_number(db, "SELECT count(*) FROM mq_messages WHERE position < 50", 50));
  CHECK(is_number(db, "SELECT count(*) FROM mq_messages WHERE queue_id = 3", 75));
  CHECK(fails(db, "SELECT count(*) FROM mq_messages", SQLITE_CORRUPT, "entry 50: checksum"));
  mq_entry bare = {.kind = 1, .payload = (const uint8_t *)"x", .payload_bytes = 1};
  char sql[200];
  snprintf(sql, sizeof sql, "INSERT INTO entries VALUES (400, 1, 1, 0, 0, 0, %u, x'78')",
           mq_entry_crc(400, 1, 0, &bare));
  must(db, sql);
  CHECK(fails(db, "SELECT * FROM mq_messages WHERE position > 399", SQLITE_CORRUPT,
              "entry 400: not a stored message"));
}

static void *read_in_thread(void *path) {
  sqlite3 *db = open_database(path);
  sqlite3_stmt *statement;
  int64_t checked = 0;
  sqlite3_prepare_v2(db, "SELECT mq_verify(0, 40), count(*) FROM mq_messages WHERE position < 40",
                     -1, &statement, NULL);
  for (int i = 0; i < 50; i++) {
    if (sqlite3_step(statement) == SQLITE_ROW) checked += sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
  }
  sqlite3_finalize(statement);
  if (sqlite3_close(db) != SQLITE_OK) checked = 0;
  return (void *)(intptr_t)checked;
}

static void test_threads(char *path) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, read_in_thread, path);
  for (int i = 0; i < 3; i++) {
    void *checked;
    pthread_join(threads[i], &checked);
    CHECK((intptr_t)checked == 2000);
  }
}

int main(int count, char **values) {
  extension_path = count > 1 ? values[1] : "build/native-test/mqcore.so";
  char path[] = "/tmp/mq-native-test-XXXXXX";
  char journal[60];
  int file = mkstemp(path);
  if (file < 0) return 1;
  sqlite3 *db = open_database(path);
  must(db, "PRAGMA journal_mode = WAL");
  fill(db);
  test_columns(db);
  test_bounds(db);
  test_threads(path);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  unlink(path);
  const char *const tails[] = {"-wal", "-shm"};
  for (int i = 0; i < 2; i++) {
    snprintf(journal, sizeof journal, "%s%s", path, tails[i]);
    unlink(journal);
  }
  return finish("messages table");
}
