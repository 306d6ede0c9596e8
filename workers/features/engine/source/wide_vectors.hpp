// Functions that use vectors of 256 bits where the processor has them.
#pragma once

#include <cstdint>

// Compiled twice: for processors with vectors of 256 bits too, which then run that version. Nothing is fused in either of
// them, so that the values are the same.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define WIDE_VECTORS
#endif
