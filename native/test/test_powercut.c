/* Goal: the power-cut shim keeps exactly what was made durable. Method: this program runs under the
 * shim (native/test/run.sh sets it up), does one thing after the other to files, and looks at the
 * shadow after each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static const char *root;
static const char *shadow;

static const char *path_in(const char *folder, const char *name) {
  static char path[2][4096];
  static int turn;
  turn = 1 - turn;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}

static int open_file(const char *name, int flags) {
  int file = open(path_in(root, name), flags | O_CREAT, 0600);
  if (file < 0) abort();
  return file;
}

static void add(int file, const char *text) {
  if (write(file, text, strlen(text)) != (ssize_t)strlen(text)) abort();
}

static void sync_folder(const char *name) {
  int folder = open(path_in(root, name), O_RDONLY | O_DIRECTORY);
  CHECK(folder >= 0 && fsync(folder) == 0);
  close(folder);
}

/* Whether the shadow has a file of this content; NULL for no file. */
static bool holds(const char *name, const char *content) {
  char bytes[100] = "";
  int file = open(path_in(shadow, name), O_RDONLY);
  if (file < 0) return content == NULL;
  ssize_t count = read(file, bytes, sizeof bytes - 1);
  close(file);
  return content != NULL && count >= 0 && strcmp(bytes, content) == 0;
}

static void test_bytes(void) {
  CHECK(holds("before", "was here\n")); /* made by run.sh before the start */
  int file = open_file("a", O_RDWR);
  add(file, "one");
  CHECK(fsync(file) == 0);
  CHECK(holds("a", NULL)); /* durable bytes without a durable name */
  sync_folder(".");
  CHECK(holds("a", "one"));
  add(file, " two");
  CHECK(holds("a", "one"));
  CHECK(fdatasync(file) == 0);
  CHECK(holds("a", "one two"));
  CHECK(ftruncate(file, 2) == 0 && holds("a", "one two"));
  CHECK(fsync(file) == 0 && holds("a", "on"));
  close(file);
  int only_written = open_file("w", O_WRONLY);
  add(only_written, "x");
  CHECK(fsync(only_written) == 0);
  close(only_written);
  open_file("never", O_RDWR);
  sync_folder(".");
  CHECK(holds("w", "x"));
  CHECK(holds("never", ""));
}

static void test_names(void) {
  CHECK(rename(path_in(root, "a"), path_in(root, "b")) == 0);
  CHECK(holds("a", "on") && holds("b", NULL));
  sync_folder(".");
  CHECK(holds("a", NULL) && holds("b", "on"));
  CHECK(unlink(path_in(root, "b")) == 0);
  CHECK(holds("b", "on"));
  int again = open_file("b", O_RDWR); /* perhaps the same inode number, not the same file */
  add(again, "new");
  sync_folder(".");
  CHECK(holds("b", ""));
  CHECK(fsync(again) == 0 && holds("b", "new"));
  CHECK(unlink(path_in(root, "b")) == 0 && fsync(again) == 0); /* a file without a name */
  sync_folder(".");
  CHECK(holds("b", NULL));
  close(again);
}

static void test_folders(void) {
  CHECK(mkdir(path_in(root, "sub"), 0700) == 0);
  int file = open_file("sub/x", O_RDWR);
  add(file, "1");
  CHECK(fsync(file) == 0);
  close(file);
  sync_folder("sub");
  CHECK(holds("sub/x", NULL)); /* the folder itself is not durable yet */
  sync_folder(".");
  CHECK(holds("sub/x", NULL));
  sync_folder("sub");
  CHECK(holds("sub/x", "1"));
  CHECK(unlink(path_in(root, "sub/x")) == 0 && rmdir(path_in(root, "sub")) == 0);
  sync_folder(".");
  CHECK(holds("sub/x", NULL));
}

static void test_large(void) {
  int file = open_file("large", O_RDWR);
  char page[4096];
  struct stat real, kept;
  for (int i = 0; i < 1000; i++) {
    memset(page, i, sizeof page);
    if (pwrite(file, page, sizeof page, (off_t)i * 4096 + 100) != sizeof page) abort();
  }
  CHECK(fsync(file) == 0);
  sync_folder(".");
  memset(page, 99, sizeof page);
  if (pwrite(file, page, sizeof page, 3000000) != sizeof page) abort();
  CHECK(fsync(file) == 0 && fstat(file, &real) == 0);
  close(file);
  CHECK(stat(path_in(shadow, "large"), &kept) == 0 && kept.st_size == real.st_size);
  int copy = open(path_in(shadow, "large"), O_RDONLY);
  CHECK(pread(copy, page, sizeof page, 3000000) == sizeof page && page[0] == 99);
  CHECK(pread(copy, page, sizeof page, 8192 + 100) == sizeof page && page[0] == 2);
  close(copy);
}

int main(void) {
  root = getenv("MQ_POWERCUT_ROOT");
  shadow = getenv("MQ_POWERCUT_SHADOW");
  if (root == NULL || shadow == NULL) return 1;
  test_bytes();
  test_names();
  test_folders();
  test_large();
  return finish("power cut");
}
