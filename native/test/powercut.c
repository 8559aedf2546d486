/* A power cut for tests, as an LD_PRELOAD library: beside the real folder it keeps a shadow that holds
 * only what has been made durable, so what is left after a cut at any moment.
 *
 *   MQ_POWERCUT_ROOT    the folder to watch; must exist
 *   MQ_POWERCUT_SHADOW  where the shadow goes; made if missing, on a file system with hard links
 *
 *   cc -shared -fPIC native/test/powercut.c -o powercut.so
 *   LD_PRELOAD=$PWD/powercut.so MQ_POWERCUT_ROOT=… MQ_POWERCUT_SHADOW=… program
 *
 * The worst disk that POSIX allows:
 *   - fsync or fdatasync of a file makes its bytes durable, not its name;
 *   - fsync of a folder makes its names durable: new ones appear, unlinked and renamed ones go. A file
 *     whose bytes were never synced appears empty;
 *   - nothing else reaches the shadow.
 *
 * What lies in the root when the first process starts counts as durable. Processes that share root
 * and shadow go on with one shadow; after a "cut" start over with a new shadow folder, and the old
 * shadow (copied) as root. Bytes are kept per file identity in "<shadow>.files", names are hard links
 * to them, so a rename costs nothing. Only chunks that differ are written: a sync of a file of a few
 * megabytes costs a comparison, about a millisecond. A shadow caught in the middle of a sync is a disk
 * caught in the middle of one, since the caller has no answer yet.
 *
 * Not seen: msync, O_SYNC, sync_file_range, syncfs, and programs that bypass libc. Bytes that another
 * thread writes between a sync and its copy count as synced. A fault of the shim itself aborts the
 * process: a shadow that is wrong in silence would be worse than none. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024 };

static char root[PATH_MAX];
static char shadow[PATH_MAX];
static char files[PATH_MAX + 8];
static bool is_active;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static void give_up(const char *what, const char *path) {
  fprintf(stderr, "powercut: %s %s: %s\n", what, path, strerror(errno));
  abort();
}

static void join(char *target, const char *folder, const char *name) {
  if (snprintf(target, PATH_MAX, "%s/%s", folder, name) < PATH_MAX) return;
  errno = ENAMETOOLONG;
  give_up("join", folder);
}

static void make_folder(const char *path) {
  if (mkdir(path, 0777) != 0 && errno != EEXIST) give_up("mkdir", path);
}

/* Where the durable bytes of a file are kept. An inode number is used again after an unlink; the time
 * of birth tells the two files apart. */
static void bytes_path(char *target, int folder, const char *name) {
  struct statx status;
  int flags = AT_SYMLINK_NOFOLLOW | (name[0] == '\0' ? AT_EMPTY_PATH : 0);
  if (statx(folder, name, flags, STATX_INO | STATX_BTIME, &status) != 0) give_up("statx", name);
  char key[80];
  snprintf(key, sizeof key, "%llu-%lld-%u", (unsigned long long)status.stx_ino,
           (long long)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
  join(target, files, key);
}

static size_t read_chunk(int file, char *chunk, off_t at) {
  size_t count = 0;
  while (count < CHUNK_BYTES) {
    ssize_t got = pread(file, chunk + count, CHUNK_BYTES - count, at + (off_t)count);
    if (got < 0) give_up("read", "a file");
    if (got == 0) break;
    count += (size_t)got;
  }
  return count;
}

static void copy_bytes(int source, const char *target_path) {
  static char wanted[CHUNK_BYTES], present[CHUNK_BYTES];
  int target = open(target_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (target < 0) give_up("open", target_path);
  off_t at = 0;
  size_t count;
  while ((count = read_chunk(source, wanted, at)) > 0) {
    size_t have = read_chunk(target, present, at);
    if (have < count || memcmp(wanted, present, count) != 0) {
      if (pwrite(target, wanted, count, at) != (ssize_t)count) give_up("write", target_path);
    }
    at += (off_t)count;
  }
  if (ftruncate(target, at) != 0) give_up("truncate", target_path);
  close(target);
}

/* ---- Folders --------------------------------------------------------------------------------- */

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static void remove_tree(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT) return;
  if (rmdir(path) == 0) return;
  DIR *folder = opendir(path);
  if (folder == NULL) give_up("opendir", path);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char inside[PATH_MAX];
    if (is_dots(entry->d_name)) continue;
    join(inside, path, entry->d_name);
    remove_tree(inside);
  }
  closedir(folder);
  if (rmdir(path) != 0) give_up("rmdir", path);
}

static void forget_missing_names(int real, const char *mirror) {
  DIR *folder = opendir(mirror);
  if (folder == NULL) give_up("opendir", mirror);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    struct stat status;
    char path[PATH_MAX];
    if (is_dots(entry->d_name)) continue;
    if (fstatat(real, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) continue;
    join(path, mirror, entry->d_name);
    remove_tree(path);
  }
  closedir(folder);
}

/* The mirror's name becomes a link to the durable bytes of the file that has the name now. */
static void keep_name(int real, const char *name, const char *mirror) {
  struct stat status, kept;
  char path[PATH_MAX], bytes[PATH_MAX];
  if (fstatat(real, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return; /* gone meanwhile */
  join(path, mirror, name);
  if (S_ISDIR(status.st_mode)) make_folder(path);
  if (!S_ISREG(status.st_mode)) return;
  bytes_path(bytes, real, name);
  int made = open(bytes, O_WRONLY | O_CREAT | O_CLOEXEC, 0666); /* empty if never synced */
  if (made < 0 || fstat(made, &status) != 0) give_up("open", bytes);
  close(made);
  if (lstat(path, &kept) == 0 && kept.st_ino == status.st_ino) return;
  remove_tree(path);
  if (link(bytes, path) != 0) give_up("link", path);
}

static DIR *open_again(int folder, const char *path) {
  int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *opened = again < 0 ? NULL : fdopendir(again);
  if (opened == NULL) give_up("opendir", path);
  return opened;
}

static void sync_folder(int real, const char *mirror) {
  struct stat status;
  /* A folder whose own name is not durable yet loses everything in a cut. */
  if (stat(mirror, &status) != 0) return;
  forget_missing_names(real, mirror);
  DIR *folder = open_again(real, mirror);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (!is_dots(entry->d_name)) keep_name(dirfd(folder), entry->d_name, mirror);
  }
  closedir(folder);
}

/* Everything below `real` counts as durable. */
static void adopt(int real, const char *mirror) {
  make_folder(mirror);
  DIR *folder = open_again(real, mirror);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    struct stat status;
    char path[PATH_MAX];
    if (is_dots(entry->d_name)) continue;
    int inside = openat(dirfd(folder), entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (inside < 0 || fstat(inside, &status) != 0) give_up("open", entry->d_name);
    if (S_ISDIR(status.st_mode)) {
      join(path, mirror, entry->d_name);
      adopt(inside, path);
    } else if (S_ISREG(status.st_mode)) {
      bytes_path(path, inside, "");
      copy_bytes(inside, path);
      keep_name(dirfd(folder), entry->d_name, mirror);
    }
    close(inside);
  }
  closedir(folder);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static void resolve_calls(void) {
  if (real_fsync != NULL) return;
  real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
}

__attribute__((constructor)) static void start(void) {
  resolve_calls();
  const char *watched = getenv("MQ_POWERCUT_ROOT");
  const char *kept = getenv("MQ_POWERCUT_SHADOW");
  if (watched == NULL || kept == NULL) return;
  if (realpath(watched, root) == NULL) give_up("watch", watched);
  if (kept[0] != '/' || strlen(kept) >= PATH_MAX - 8) {
    errno = EINVAL;
    give_up("MQ_POWERCUT_SHADOW must be absolute:", kept);
  }
  strcpy(shadow, kept);
  snprintf(files, sizeof files, "%s.files", shadow);
  int real = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (real < 0) give_up("open", root);
  struct stat status;
  if (stat(files, &status) != 0) {
    make_folder(files);
    adopt(real, shadow);
  }
  close(real);
  is_active = true;
}

/* Reads through the caller's descriptor: closing another one of the same file would give up the POSIX
 * locks that this process holds on it, SQLite's too. Only a file opened for writing alone is opened
 * again; SQLite never does that. */
static void keep_bytes(int fd, const char *link_path, const char *target) {
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY) {
    copy_bytes(fd, target);
    return;
  }
  int readable = open(link_path, O_RDONLY | O_CLOEXEC);
  if (readable < 0) give_up("open", link_path);
  copy_bytes(readable, target);
  close(readable);
}

static void keep(int fd) {
  char link_path[64], path[PATH_MAX], mirror[PATH_MAX];
  struct stat status;
  snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link_path, path, sizeof path - 1);
  if (length < 0 || fstat(fd, &status) != 0) give_up("readlink", link_path);
  path[length] = '\0';
  size_t root_length = strlen(root);
  if (strncmp(path, root, root_length) != 0) return;
  if (path[root_length] != '/' && path[root_length] != '\0') return;
  if (S_ISDIR(status.st_mode)) {
    const char *below = path[root_length] == '/' ? path + root_length + 1 : "";
    join(mirror, shadow, below);
    sync_folder(fd, mirror);
  } else if (S_ISREG(status.st_mode) && status.st_nlink > 0) {
    bytes_path(mirror, fd, "");
    keep_bytes(fd, link_path, mirror);
  }
}

static int synced(int fd, int (*call)(int)) {
  int result = call(fd);
  if (result != 0 || !is_active) return result;
  int saved = errno;
  pthread_mutex_lock(&lock);
  keep(fd);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}

int fsync(int fd) {
  resolve_calls();
  return synced(fd, real_fsync);
}

int fdatasync(int fd) {
  resolve_calls();
  return synced(fd, real_fdatasync);
}
