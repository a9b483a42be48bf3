// The instruction that processors have for CRC-32C, which Swift cannot say: SSE 4.2 of Intel's and AMD's, the CRC
// extension of ARM's (a program for ARM has it if it is built for processors that do, as those for Apple's are).

#include "cjrchecksum.h"

#include <string.h>

#if defined(__x86_64__)

#include <nmmintrin.h>

bool cjr_has_crc32c(void) { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2")))
uint32_t cjr_crc32c(uint32_t state, const uint8_t *bytes, size_t count) {
    uint64_t crc = state;
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t eight;
        memcpy(&eight, bytes, 8);
        crc = _mm_crc32_u64(crc, eight);
    }
    for (; count > 0; count--) crc = _mm_crc32_u8((uint32_t)crc, *bytes++);
    return (uint32_t)crc;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

bool cjr_has_crc32c(void) { return true; }

uint32_t cjr_crc32c(uint32_t state, const uint8_t *bytes, size_t count) {
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t eight;
        memcpy(&eight, bytes, 8);
        state = __crc32cd(state, eight);
    }
    for (; count > 0; count--) state = __crc32cb(state, *bytes++);
    return state;
}

#else

bool cjr_has_crc32c(void) { return false; }

uint32_t cjr_crc32c(uint32_t state, const uint8_t *bytes, size_t count) {
    (void)bytes;
    (void)count;
    return state;
}

#endif
