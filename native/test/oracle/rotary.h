// Float64 oracle of rotary position embedding (Su et al. 2021, eq. 34), half-split convention.
#pragma once

#include <cstdint>

namespace outright::oracle {

// x[T, slots, C]: of every `period` slots the first `rotated` are turned, the others copied; of C dimensions
// the first R turn. cos, sin: [positions, R/2]. `inverse` turns by the negative angle, which is the
// transpose.
inline void Rotary(const double* x, const double* cos, const double* sin, const int32_t* positions, double* y,
                   int64_t T, int64_t slots, int64_t C, int64_t R, int64_t period, int64_t rotated,
                   bool inverse, bool accumulate) {
  const int64_t half = R / 2;
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t slot = 0; slot < slots; ++slot) {
      const double* from = x + (t * slots + slot) * C;
      double* to = y + (t * slots + slot) * C;
      const bool turns = slot % period < rotated;
      for (int64_t c = 0; c < C; ++c) {
        double value = from[c];
        if (turns && c < R) {
          const int64_t i = c < half ? c : c - half;
          const double cosine = cos[positions[t] * half + i];
          const double sine = (inverse ? -1.0 : 1.0) * sin[positions[t] * half + i];
          value =
              c < half ? from[i] * cosine - from[i + half] * sine : from[i + half] * cosine + from[i] * sine;
        }
        to[c] = (accumulate ? to[c] : 0.0) + value;
      }
    }
  }
}

}  // namespace outright::oracle
