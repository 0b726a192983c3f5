// What the forward kernels of attention on tensor cores share: an online softmax in base 2 over tiles of
// keys.
#pragma once

#include "ops/attention_tensor.h"
#include "tensor_tiles.cuh"

namespace outright::cuda {

// Of the two rows of a part: the largest score so far, in units of log2, and a lane's sum of weights relative
// to it.
struct Softmax {
  TwoRows largest{{-INFINITY, -INFINITY}}, sum{{0.0f, 0.0f}};
};

// Fused with no sum, which the compiler would decide for each kind of tile: a row's bits do not depend on
// whether others of its tile see all keys.
__device__ inline float rounded_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

// Scores of a part with a tile of keys become weights relative to the largest so far. What was summed before
// is to be multiplied by what comes back. The first row sees `count` of these keys, the second one 8 more;
// with kAllSeen all of them, and `seen` is not set.
template <bool kAllSeen>
__device__ inline TwoRows weigh(FragmentC (&scores)[kBlocks], Softmax* softmax, Seen* seen, float to_log2,
                                int count, int t) {
  TwoRows factors;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float now = softmax->largest.at[r];
#pragma unroll
    for (int n = 0; n < kBlocks; ++n) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        float& score = scores[n].at[2 * r + j];
        score = rounded_product(score, to_log2);
        if constexpr (!kAllSeen) {
          const bool is_seen = n * 8 + t * 2 + j < count + 8 * r;
          seen->set(n, 2 * r + j, is_seen);
          if (!is_seen) score = -INFINITY;
        }
        now = fmaxf(score, now);  // NaN goes on by its weight
      }
    }
    now = quad_reduce(now, Larger{});
    // Where there is no number yet, any will do.
    const float base = now == -INFINITY ? 0.0f : now;
    factors.at[r] = power_of_two(softmax->largest.at[r] - base);
    softmax->largest.at[r] = now;
    float added = 0.0f;
#pragma unroll
    for (int n = 0; n < kBlocks; ++n) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        float& weight = scores[n].at[2 * r + j];
        weight = power_of_two(weight - base);
        added += weight;
      }
    }
    softmax->sum.at[r] = softmax->sum.at[r] * factors.at[r] + added;
  }
  return factors;
}

template <int kN>
__device__ inline void scale_rows(FragmentC (&outputs)[kN], const TwoRows& factors) {
#pragma unroll
  for (int n = 0; n < kN; ++n)
#pragma unroll
    for (int k = 0; k < 4; ++k) outputs[n].at[k] *= factors.at[k / 2];
}

// Writes a part's outputs and lse; `row` is the first of its two rows in the task.
template <int kC>
__device__ inline void put_attention(const TensorAttention& to, const AttentionTask& task, int64_t h,
                                     const FragmentC (&outputs)[kC / 8], const Softmax& softmax, int row,
                                     int t) {
  const HeadRows<bfloat16> target = to.o.head(h);
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    // Scores of -infinity only have no softmax.
    float total = quad_reduce(softmax.sum.at[r], Plus{});
    if (softmax.largest.at[r] == -INFINITY) total = NAN;
    if (row + 8 * r >= task.count) continue;
    const int64_t token = int64_t{task.first} + row + 8 * r;
#pragma unroll
    for (int i = 0; i < kC / 4; ++i) {
      const int64_t column = i / 2 * 8 + t * 2 + i % 2;
      if (column < to.C)
        target.data[token * target.stride + column] =
            narrow<bfloat16>(outputs[i / 2].at[2 * r + i % 2] / total);
    }
    if (t == 0 && to.lse != nullptr) to.lse[token * to.H + h] = kLn2 * (softmax.largest.at[r] + log2f(total));
  }
}

// The row of the flat row of tokens, or of the cache, that is this key of a task; -1 beyond the last.
__device__ inline int64_t key_row(const AttentionTask& task, int key) {
  if (key >= task.position + task.count) return -1;
  return key < task.before ? int64_t{task.begin} + key : int64_t{task.after} + key - task.before;
}

}  // namespace outright::cuda
