// Sums and maxima over a warp and over a block, in one order for each size of block.
#pragma once

#include "number.cuh"

namespace outright::cuda {

constexpr unsigned kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

struct Plus {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Larger {
  __device__ float operator()(float a, float b) const { return a > b ? a : b; }
};

// Every lane gets the result.
template <typename T, typename Join>
__device__ inline T warp_reduce(T value, Join join) {
#pragma unroll
  for (unsigned offset = kWarp / 2; offset > 0; offset /= 2)
    value = join(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

// Every thread gets the result. The block has whole warps, and all its threads call it.
template <typename T, typename Join>
__device__ inline T block_reduce(T value, Join join) {
  __shared__ T parts[kWarp];
  value = warp_reduce(value, join);
  const unsigned warp = threadIdx.x / kWarp;
  __syncthreads();  // an earlier call's parts have been read
  if (threadIdx.x % kWarp == 0) parts[warp] = value;
  __syncthreads();
  T result = parts[0];
  for (unsigned i = 1; i < blockDim.x / kWarp; ++i) result = join(result, parts[i]);
  return result;
}

template <typename T>
__device__ inline T block_sum(T value) {
  return block_reduce(value, Plus{});
}

}  // namespace outright::cuda
