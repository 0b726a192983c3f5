// Where an element of a matrix lies. A division of 64 bits takes a GPU many times as long as one of 32.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace outright::cuda {

struct Quotient {
  int64_t whole, rest;
};

// Of two numbers that are not negative.
__device__ inline Quotient divide(int64_t number, int64_t by) {
  if ((static_cast<uint64_t>(number | by) >> 32) == 0) {
    const auto small = static_cast<uint32_t>(number), divisor = static_cast<uint32_t>(by);
    const uint32_t whole = small / divisor;
    return {whole, small - whole * divisor};
  }
  const int64_t whole = number / by;
  return {whole, number - whole * by};
}

}  // namespace outright::cuda
