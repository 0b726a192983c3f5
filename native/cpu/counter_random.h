// Random bits by counter: a function of (key, index) alone, so that nothing depends on the order of drawing,
// on threads or on vector widths.
#pragma once

#include <cstdint>
#include <cstring>

#include "vec.h"

namespace outright::cpu {

// Two rounds of a 64-bit mix (Stafford's variant 13 of MurmurHash3's finaliser, as in SplitMix64).
inline uint64_t mix_bits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// 32 random bits; `key` is itself mixed from seeds with mix_bits.
inline uint32_t random_bits(uint64_t key, uint64_t index) {
  return static_cast<uint32_t>(mix_bits(key + (index + 1) * 0x9e3779b97f4a7c15u) >> 32);
}

// Those of kLanes consecutive indices.
inline WordVec random_words(uint64_t key, uint64_t index) {
  uint32_t words[kLanes];
  for (uint64_t lane = 0; lane < kLanes; ++lane) words[lane] = random_bits(key, index + lane);
  WordVec result;
  std::memcpy(&result, words, sizeof result);
  return result;
}

}  // namespace outright::cpu
