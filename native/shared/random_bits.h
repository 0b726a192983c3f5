// Random bits by counter: a function of (key, index) alone, so that nothing depends on the order of drawing,
// on threads or on vector widths. The same on every backend.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define OUTRIGHT_EVERYWHERE __host__ __device__
#else
#define OUTRIGHT_EVERYWHERE
#endif

namespace outright {

// Two rounds of a 64-bit mix (Stafford's variant 13 of MurmurHash3's finaliser, as in SplitMix64).
OUTRIGHT_EVERYWHERE inline uint64_t mix_bits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// 32 random bits; `key` is itself mixed from seeds with mix_bits.
OUTRIGHT_EVERYWHERE inline uint32_t random_bits(uint64_t key, uint64_t index) {
  return static_cast<uint32_t>(mix_bits(key + (index + 1) * 0x9e3779b97f4a7c15u) >> 32);
}

}  // namespace outright
