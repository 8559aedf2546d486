/* CRC32C: by CPU instruction where there is one, else by table. Which one is decided once, when the
 * library is loaded, so that the hot path is a plain indirect call. */
#include "mqcore.h"

#include <string.h>

static uint32_t table[256];

static uint32_t (*chosen)(uint32_t, const void *, size_t) = mq_crc32c_table;

uint32_t mq_crc32c_table(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  crc = ~crc;
  for (size_t i = 0; i < count; i++) crc = table[(crc ^ at[i]) & 0xff] ^ (crc >> 8);
  return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes,
                                                                 size_t count) {
  const uint8_t *at = bytes;
  uint64_t wide = (uint32_t)~crc;
  for (; count >= 8; at += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  uint32_t narrow = (uint32_t)wide;
  for (; count > 0; at++, count--) narrow = _mm_crc32_u8(narrow, *at);
  return ~narrow;
}

static bool has_instruction(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__)
#if defined(__linux__)
#include <sys/auxv.h>
#endif

/* By name of the instruction: the header's intrinsics want the whole file compiled for it. */
__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t crc, const void *bytes,
                                                               size_t count) {
  const uint8_t *at = bytes;
  crc = ~crc;
  for (; count >= 8; at += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    __asm__("crc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
  }
  for (; count > 0; at++, count--) {
    __asm__("crc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)*at));
  }
  return ~crc;
}

static bool has_instruction(void) {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & (1UL << 7)) != 0; /* HWCAP_CRC32 of the Linux ABI */
#else
  return true; /* every Apple arm64 CPU has it */
#endif
}

#else
#define by_instruction mq_crc32c_table
static bool has_instruction(void) { return false; }
#endif

__attribute__((constructor)) static void prepare(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
    table[byte] = crc;
  }
  if (has_instruction()) chosen = by_instruction;
}

uint32_t mq_crc32c(uint32_t crc, const void *bytes, size_t count) {
  return chosen(crc, bytes, count);
}
