// A float32 master as a bfloat16 weight and what rounding to it took away (backend.h: "low").
#pragma once

#include "number.cuh"

namespace outright::cuda {

__device__ inline float join_halves(bfloat16 w, int16_t low) {
  return __uint_as_float((static_cast<uint32_t>(w.bits) << 16) +
                         static_cast<uint32_t>(static_cast<int32_t>(low)));
}

__device__ inline void split_halves(float x, bfloat16* w, int16_t* low) {
  *w = narrow<bfloat16>(x);
  const auto rest = static_cast<int32_t>(__float_as_uint(x) - (static_cast<uint32_t>(w->bits) << 16));
  *low = static_cast<int16_t>(rest > INT16_MAX ? INT16_MAX : rest < INT16_MIN ? INT16_MIN : rest);
}

}  // namespace outright::cuda
