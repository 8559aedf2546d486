/* The smallest test frame: CHECK counts, a failed one says where; finish() prints the sum. */
#ifndef MQ_CHECK_H
#define MQ_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks_passed;
static int checks_failed;

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)

static inline bool check(bool holds, const char *text, const char *file, int line) {
  if (holds) {
    checks_passed++;
  } else {
    checks_failed++;
    printf("%s:%d: does not hold: %s\n", file, line, text);
  }
  return holds;
}

/* The line that run.sh adds up. */
static inline int finish(const char *name) {
  printf("%s: %d checks held, %d did not\n", name, checks_passed, checks_failed);
  return checks_failed == 0 ? 0 : 1;
}

/* xorshift64: repeatable noise. */
static uint64_t noise_state = 0x9e3779b97f4a7c15u;

static inline uint32_t noise(uint32_t below) {
  noise_state ^= noise_state << 13;
  noise_state ^= noise_state >> 7;
  noise_state ^= noise_state << 17;
  return (uint32_t)((noise_state >> 16) % below);
}

/* Exactly as large as asked for, so that the address sanitizer sees a read one byte too far. */
static inline uint8_t *copy_of(const void *bytes, size_t count) {
  uint8_t *copy = malloc(count == 0 ? 1 : count);
  if (copy == NULL) abort();
  if (count > 0) memcpy(copy, bytes, count);
  return copy;
}

#endif
