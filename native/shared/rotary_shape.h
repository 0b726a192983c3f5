// The sizes of a rotary embedding.
#pragma once

#include "check.h"

namespace outright {

inline void check_rotary(const Check& check, int64_t T, int64_t slots, int64_t C, int64_t R, int64_t period,
                         int64_t rotated, int64_t max_positions) {
  check.sizes({{"T", T},
               {"slots", slots},
               {"C", C},
               {"R", R},
               {"rotated", rotated},
               {"max_positions", max_positions}});
  if (R > C || R % 2 != 0)
    check.invalid("R is %lld: an even number up to C = %lld is needed", static_cast<long long>(R),
                  static_cast<long long>(C));
  if (period < 1 || rotated > period || slots % period != 0)
    check.invalid(
        "slots %lld, period %lld and rotated %lld do not fit: rotated <= period, which divides slots",
        static_cast<long long>(slots), static_cast<long long>(period), static_cast<long long>(rotated));
}

}  // namespace outright
