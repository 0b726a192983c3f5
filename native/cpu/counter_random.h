// A vector of random bits.
#pragma once

#include <cstring>

#include "shared/random_bits.h"
#include "vec.h"

namespace outright::cpu {

// Those of kLanes consecutive indices.
inline WordVec random_words(uint64_t key, uint64_t index) {
  uint32_t words[kLanes];
  for (uint64_t lane = 0; lane < kLanes; ++lane) words[lane] = random_bits(key, index + lane);
  WordVec result;
  std::memcpy(&result, words, sizeof result);
  return result;
}

}  // namespace outright::cpu
