// Kernels of the log-prob head between its products: from logits to statistics, and to gradients of logits.
#pragma once

#include "head_cache.h"
#include "reduce.cuh"
#include "runtime/launch.h"

namespace outright::cuda {

constexpr int kHeadThreads = 256;

// Of a tile of a row, in base 2: the largest logit, and the sum of 2^(logit - largest).
struct Partial {
  float largest, sum;
};

// 2^(z log2(e) - largest). Where all are -inf so is the largest: then 0, but NaN stays.
__device__ inline float term(float z, float largest) {
  if (largest == -INFINITY) return z == -INFINITY ? 0.0f : z;
  return exp2f(fmaf(z, kLog2E, -largest));
}

template <typename X>
__device__ inline void store_four(X* to, const Floats<4>& values, int64_t count, bool aligned) {
  if (aligned && count >= 4) {
    store<4>(to, values);
    return;
  }
#pragma unroll
  for (int k = 0; k < 4; ++k)
    if (k < count) to[k] = narrow<X>(values.at[k]);
}

// A warp for each row and tile of logits[N, columns], the words from `word` on, a multiple of kTile: each
// lane has eight times four words of the tile in registers, so logits are read once.
template <typename X>
__global__ void __launch_bounds__(kHeadThreads)
    head_statistics(const float* logits, int64_t N, int64_t columns, int64_t word, const int32_t* targets,
                    int64_t all_tiles, Partial* partials, float* target_logits, HeadCache<X> cache) {
  constexpr int kEach = static_cast<int>(kTile / (4 * kWarp));
  const int64_t tiles = (columns + kTile - 1) / kTile;
  const int64_t warp = static_cast<int64_t>(blockIdx.x) * (kHeadThreads / kWarp) + threadIdx.x / kWarp;
  const int64_t n = warp / tiles, begin = warp % tiles * kTile;
  if (n >= N) return;  // a whole warp
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const float* row = logits + n * columns;
  const bool aligned = columns % 4 == 0;
  const int64_t width = columns - begin < kTile ? columns - begin : kTile;
  Floats<4> values[kEach];
  float largest = -INFINITY;
#pragma unroll
  for (int j = 0; j < kEach; ++j) {
    const int64_t at = (j * static_cast<int>(kWarp) + lane) * 4;
    values[j] = load_up_to<4>(row + begin + at, width - at, aligned, -INFINITY);
#pragma unroll
    for (int k = 0; k < 4; ++k) largest = Larger{}(values[j].at[k], largest);
  }
  largest = warp_reduce(largest, Larger{}) * kLog2E;
  const int64_t tile = word / kTile + begin / kTile;
  const bool keeps = tile < cache.tiles;
  float sum = 0.0f;
#pragma unroll
  for (int j = 0; j < kEach; ++j) {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      values[j].at[k] = term(values[j].at[k], largest);
      sum += values[j].at[k];
    }
    const int64_t at = (j * static_cast<int>(kWarp) + lane) * 4;
    if (keeps) store_four(cache.row(tile, n) + at, values[j], width - at, width % 4 == 0);
  }
  sum = warp_reduce(sum, Plus{});
  if (lane != 0) return;
  partials[n * all_tiles + tile] = {largest, sum};
  if (keeps) *cache.largest(tile, n) = largest;
  const int64_t target = targets[n] - word;
  if (target >= begin && target < begin + width) target_logits[n] = row[target];
}

// A thread for each row.
__global__ void __launch_bounds__(kHeadThreads)
    merge_partials(const Partial* partials, int64_t tiles, const float* target_logits, float* logp,
                   float* lse, int64_t N) {
  const int64_t n = static_cast<int64_t>(blockIdx.x) * kHeadThreads + threadIdx.x;
  if (n >= N) return;
  const Partial* row = partials + n * tiles;
  float largest = -INFINITY;
  for (int64_t i = 0; i < tiles; ++i) largest = Larger{}(row[i].largest, largest);
  float sum = 0.0f;
  for (int64_t i = 0; i < tiles; ++i) {
    const float share = row[i].largest == -INFINITY ? 1.0f : exp2f(row[i].largest - largest);
    sum += row[i].sum * share;
  }
  // a logit of +inf: NaN, by inf - inf in its tile's terms
  const float all = kLn2 * (largest + log2f(sum));
  const float difference = target_logits[n] - all;
  lse[n] = all;
  logp[n] = difference > 0.0f ? 0.0f : difference;
}

// What the gradients of a row's logits are made of.
struct HeadRow {
  const int32_t* targets;
  const float *lse, *logp, *g;
};

// Where dz lies over the logits that it is made of, row upon row: its rows are as far apart as those.
template <typename X>
constexpr int64_t dz_stride(int64_t columns) {
  return columns * static_cast<int64_t>(sizeof(float) / sizeof(X));
}

// dz[n, i] = g (onehot - p) of the words from `word` on; at the target 1 - p is -expm1(logp). Zero where g
// is, whatever the logits are. A block for each row goes through its tiles in order: dz takes the place of
// logits that have been read, in X. Of words in the cache there are no logits; p is exponential * 2^(largest
// - lse).
template <typename X, bool cached>
__global__ void __launch_bounds__(kHeadThreads)
    logit_gradients(float* logits, int64_t columns, int64_t word, HeadRow rows, HeadCache<X> cache) {
  const int64_t n = blockIdx.x;
  float* from = logits + n * columns;
  X* to = reinterpret_cast<X*>(from);
  const float weight = rows.g[n], lse = rows.lse[n];
  const float target_gradient = weight * -expm1f(rows.logp[n]);
  const int64_t target = rows.targets[n] - word;
  for (int64_t begin = 0; begin < columns; begin += kTile) {
    const int64_t at = begin + threadIdx.x * 4, count = columns - at;
    Floats<4> values;
    float factor = 0.0f;
    if constexpr (cached) {
      const int64_t tile = (word + begin) / kTile;
      factor = -weight * exp2f(*cache.largest(tile, n) - lse * kLog2E);
      const X* kept = cache.row(tile, n) + threadIdx.x * 4;
      values = load_up_to<4>(kept, count, cache.width(tile) % 4 == 0);
    } else {
      values = load_up_to<4>(from + at, count, columns % 4 == 0);
      __syncthreads();  // all of the tile has been read
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      float& value = values.at[k];
      if (weight == 0.0f)
        value = 0.0f;
      else if (at + k == target)
        value = target_gradient;
      else
        value = cached ? factor * value : -weight * expf(value - lse);
    }
    if (count > 0) store_four(to + at, values, count, columns % 4 == 0);
  }
}

}  // namespace outright::cuda
