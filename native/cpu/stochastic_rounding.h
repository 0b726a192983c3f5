// Rounding of float32 to bfloat16 by chance: up in magnitude with the probability of the distance from the
// bfloat16 below, so that the expectation is the value itself and small updates are not lost on average.
#pragma once

#include "counter_random.h"
#include "storage.h"

namespace outright::cpu {

class StochasticRounding {
 public:
  explicit StochasticRounding(uint64_t key) : key_(key) {}

  // The vector whose first element has the given index, as float32 numbers that bfloat16 holds exactly. 16
  // random bits are added below the kept ones and the rest is cut off; a carry into the exponent is the next
  // power of two, beyond the largest bfloat16 infinity. Infinity and NaN stay.
  Vec operator()(Vec x, int64_t index) const {
    const WordVec random = random_words(key_, static_cast<uint64_t>(index)) >> 16;
    const WordVec bits = (WordVec)x;
    const WordVec rounded = (bits + random) & 0xffff0000u;
    return (bits & 0x7fffffffu) < 0x7f800000u ? (Vec)rounded : x;
  }

 private:
  uint64_t key_;
};

}  // namespace outright::cpu
