#ifndef CJRCHECKSUM_H
#define CJRCHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether this processor has an instruction for CRC-32C.
bool cjr_has_crc32c(void);

/// The state of a CRC-32C after these bytes. Only where ``cjr_has_crc32c`` is true.
uint32_t cjr_crc32c(uint32_t state, const uint8_t *bytes, size_t count);

#endif
