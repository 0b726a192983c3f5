// Attention over a flat row, forward, in bfloat16 on tensor cores (after Dao, FlashAttention-2, 2023): a
// block takes 64 queries of one run of tokens and one head, a warp 16 of them, and goes through the keys that
// they see in tiles of 64 with an online softmax in base 2. Weights are rounded to bfloat16 for the second
// product; sums and statistics are float32. A query's bits depend on the keys that it sees and their order.
#include "attention_tensor.h"

#include <cstdlib>
#include <cstring>

#include "kernels/mma.cuh"

namespace outright::cuda {

namespace {

constexpr int kQueries = kTensorQueries;
constexpr int kKeys = 64;
constexpr int kThreads = kQueries / 16 * 32;
constexpr int kPadding = 8;  // numbers behind a row, so that rows of a matrix lie in different banks
constexpr int kTiles = kKeys / 8;
constexpr float kLog2E = 1.44269504088896341f;
constexpr float kLn2 = 0.69314718055994531f;

__device__ inline bool is_finite(bfloat16 x) { return (x.bits & 0x7f80u) != 0x7f80u; }

// Rows of a tile with up to kC numbers each, in shared memory; what is not there is zero. row_of(i) is the
// row that becomes row i, or -1.
template <int kC, typename RowOf>
__device__ inline bool load_tile(bfloat16* to, const HeadRows<const bfloat16>& from, int64_t C,
                                 const RowOf& row_of) {
  bool finite = true;
  for (int i = static_cast<int>(threadIdx.x); i < 64 * kC; i += kThreads) {
    const int row = i / kC, c = i % kC;
    const int64_t at = row_of(row);
    const bfloat16 value = at >= 0 && c < C ? from.data[at * from.stride + c] : bfloat16{0};
    finite = finite && is_finite(value);
    to[row * (kC + kPadding) + c] = value;
  }
  return finite;
}

// What a lane holds of its two rows, g and g + 8.
struct TwoRows {
  float at[2];
};

// Over the four lanes of a row.
template <typename Join>
__device__ inline float quad_reduce(float value, Join join) {
  value = join(value, __shfl_xor_sync(kAllLanes, value, 1));
  return join(value, __shfl_xor_sync(kAllLanes, value, 2));
}

// scores += queries keys^T of 16 queries and 64 keys.
template <int kC>
__device__ inline void add_scores(FragmentC (&scores)[kTiles], const FragmentA (&queries)[kC / 16],
                                  const bfloat16* keys, int matrix, int row) {
#pragma unroll
  for (int k = 0; k < kC / 16; ++k) {
#pragma unroll
    for (int n = 0; n < kTiles; n += 2) {
      uint32_t b[4];
      load_matrices<false>(b,
                           keys + ((n + matrix / 2) * 8 + row) * (kC + kPadding) + k * 16 + matrix % 2 * 8);
      multiply_add(scores[n], queries[k], b[0], b[1]);
      multiply_add(scores[n + 1], queries[k], b[2], b[3]);
    }
  }
}

// outputs += weights values of 16 queries and 64 keys.
template <int kC>
__device__ inline void add_outputs(FragmentC (&outputs)[kC / 8], const FragmentC (&weights)[kTiles],
                                   const bfloat16* values, int matrix, int row) {
#pragma unroll
  for (int k = 0; k < kKeys / 16; ++k) {
    const FragmentC &left = weights[2 * k], &right = weights[2 * k + 1];
    const FragmentA a{{pack_two(left.at[0], left.at[1]), pack_two(left.at[2], left.at[3]),
                       pack_two(right.at[0], right.at[1]), pack_two(right.at[2], right.at[3])}};
#pragma unroll
    for (int n = 0; n < kC / 8; n += 2) {
      uint32_t b[4];
      load_matrices<true>(b,
                          values + (k * 16 + matrix % 2 * 8 + row) * (kC + kPadding) + (n + matrix / 2) * 8);
      multiply_add(outputs[n], a, b[0], b[1]);
      multiply_add(outputs[n + 1], a, b[2], b[3]);
    }
  }
}

// The same number by number, without the keys that a query does not see: zero times what is not finite is not
// zero.
template <int kC>
__device__ inline void add_seen_outputs(FragmentC (&outputs)[kC / 8], const FragmentC (&weights)[kTiles],
                                        const bfloat16* values, const int (&seen)[2]) {
  const unsigned lane = threadIdx.x % kWarp;
#pragma unroll
  for (int n = 0; n < kTiles; ++n) {
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const int key = n * 8 + j;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float mine = weights[n].at[2 * r + j % 2];
        const float weight = widen(narrow<bfloat16>(__shfl_sync(kAllLanes, mine, lane / 4 * 4 + j / 2)));
        if (key >= seen[r]) continue;
#pragma unroll
        for (int i = 0; i < kC / 4; ++i) {
          const int column = i / 2 * 8 + static_cast<int>(lane % 4) * 2 + i % 2;
          outputs[i / 2].at[2 * r + i % 2] += weight * widen(values[key * (kC + kPadding) + column]);
        }
      }
    }
  }
}

template <int kC>
__global__ void __launch_bounds__(kThreads) attend_tensor(TensorAttention to, const AttentionTask* tasks) {
  const int64_t h = blockIdx.x % to.H;
  const AttentionTask task = tasks[blockIdx.x / to.H];
  DYNAMIC_SHARED(shared);
  auto* const queries = reinterpret_cast<bfloat16*>(shared);
  bfloat16* const keys = queries + kQueries * (kC + kPadding);
  bfloat16* const values = keys + kKeys * (kC + kPadding);
  auto* const bad = reinterpret_cast<int*>(values + kKeys * (kC + kPadding));
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const int first_row = static_cast<int>(threadIdx.x / kWarp) * 16;
  const int matrix = lane / 8, matrix_row = lane % 8;

  load_tile<kC>(queries, to.q.head(h), to.C,
                [&](int row) { return row < task.count ? int64_t{task.first} + row : int64_t{-1}; });
  __syncthreads();
  FragmentA query[kC / 16];
#pragma unroll
  for (int k = 0; k < kC / 16; ++k)
    load_matrices<false>(query[k].at, queries + (first_row + matrix % 2 * 8 + matrix_row) * (kC + kPadding) +
                                          k * 16 + matrix / 2 * 8);

  const float to_log2 = to.scale * kLog2E;
  const int all_keys = task.position + task.count;
  const int last_seen = task.position + first_row + 15;  // by any query of this warp
  FragmentC outputs[kC / 8] = {};
  TwoRows largest{{-INFINITY, -INFINITY}}, sum{};
  for (int first = 0; first < all_keys; first += kKeys) {
    const auto row_of = [&](int row) {
      const int key = first + row;
      if (key >= all_keys) return int64_t{-1};
      return key < task.before ? int64_t{task.begin} + key : int64_t{task.after} + key - task.before;
    };
    __syncthreads();  // the last tile has been used
    if (threadIdx.x == 0) *bad = 0;
    __syncthreads();
    load_tile<kC>(keys, to.k.head(h / to.group), to.C, row_of);
    if (!load_tile<kC>(values, to.v.head(h / to.group), to.C, row_of)) *bad = 1;
    __syncthreads();
    if (first > last_seen) continue;

    FragmentC scores[kTiles] = {};
    add_scores<kC>(scores, query, keys, matrix, matrix_row);
    int seen[2];  // keys of this tile that the row sees
    TwoRows factor;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      seen[r] = task.position + first_row + lane / 4 + 8 * r + 1 - first;
      float now = largest.at[r];
#pragma unroll
      for (int n = 0; n < kTiles; ++n) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          float& score = scores[n].at[2 * r + j];
          score = n * 8 + lane % 4 * 2 + j < seen[r] ? score * to_log2 : -INFINITY;
          now = Larger{}(score, now);
        }
      }
      now = quad_reduce(now, Larger{});
      // Where there is no number yet, any will do.
      const float base = now == -INFINITY ? 0.0f : now;
      factor.at[r] = exp2f(largest.at[r] - base);
      largest.at[r] = now;
      float added = 0.0f;
#pragma unroll
      for (int n = 0; n < kTiles; ++n) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          float& weight = scores[n].at[2 * r + j];
          weight = exp2f(weight - base);
          added += weight;
        }
      }
      sum.at[r] = sum.at[r] * factor.at[r] + added;
#pragma unroll
      for (int n = 0; n < kC / 8; ++n) {
        outputs[n].at[2 * r] *= factor.at[r];
        outputs[n].at[2 * r + 1] *= factor.at[r];
      }
    }
    const bool all_seen = first + kKeys <= task.position + first_row + 1;
    if (*bad != 0 && !all_seen)
      add_seen_outputs<kC>(outputs, scores, values, seen);
    else
      add_outputs<kC>(outputs, scores, values, matrix, matrix_row);
  }

  const HeadRows<bfloat16> target = to.o.head(h);
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int row = first_row + lane / 4 + 8 * r;
    // Scores of -infinity only have no softmax.
    float total = quad_reduce(sum.at[r], Plus{});
    if (largest.at[r] == -INFINITY) total = NAN;
    if (row >= task.count) continue;
    const int64_t t = int64_t{task.first} + row;
#pragma unroll
    for (int i = 0; i < kC / 4; ++i) {
      const int64_t column = i / 2 * 8 + lane % 4 * 2 + i % 2;
      if (column < to.C)
        target.data[t * target.stride + column] = narrow<bfloat16>(outputs[i / 2].at[2 * r + i % 2] / total);
    }
    if (lane % 4 == 0 && to.lse != nullptr) to.lse[t * to.H + h] = kLn2 * (largest.at[r] + log2f(total));
  }
}

template <int kC>
void start(Device& device, const TensorAttention& attention, const AttentionTask* tasks, int64_t count) {
  const int64_t bytes = (kQueries + 2 * kKeys) * (kC + kPadding) * 2 + 16;
  launch(device, {count * attention.H, kThreads, bytes}, attend_tensor<kC>, attention, tasks);
}

}  // namespace

bool takes_tensor_attention(int64_t C) {
  const char* wanted = std::getenv("OUTRIGHT_CUDA_ATTENTION");
  return wanted != nullptr && std::strcmp(wanted, "tensor") == 0 && C <= 128;
}

void tensor_attention(Device& device, const TensorAttention& attention,
                      const std::vector<AttentionTask>& tasks) {
  const auto count = static_cast<int64_t>(tasks.size());
  const Uploaded<AttentionTask> uploaded(device, tasks.data(), count);
  if (attention.C <= 32)
    start<32>(device, attention, uploaded.data(), count);
  else if (attention.C <= 64)
    start<64>(device, attention, uploaded.data(), count);
  else
    start<128>(device, attention, uploaded.data(), count);
}

}  // namespace outright::cuda
