// Attention over a flat row, forward, in bfloat16 on tensor cores (after Dao, FlashAttention-2, 2023): a
// block takes 64 or 128 queries of one run of tokens and one head, a warp 16 or 32 of them, and goes through
// the keys that they see in tiles of 64 with an online softmax in base 2. Weights are rounded to bfloat16 for
// the second product; sums and statistics are float32. A query's bits depend on the keys that it sees and
// their order, not on how many queries its block has.
#include "attention_tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernels/tensor_tiles.cuh"

namespace outright::cuda {

namespace {

// Scores of a part become weights relative to the largest so far, and what was summed follows it. The first
// of its two rows sees `count` of these keys, the second one 8 more; with kAllSeen all of them, and `seen` is
// not set.
template <int kC, bool kAllSeen>
__device__ inline void weigh(FragmentC (&scores)[kBlocks], FragmentC (&outputs)[kC / 8], TwoRows* largest,
                             TwoRows* sum, Seen* seen, float to_log2, int count, int t) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float now = largest->at[r];
#pragma unroll
    for (int n = 0; n < kBlocks; ++n) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        float& score = scores[n].at[2 * r + j];
        score *= to_log2;
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
    const float factor = power_of_two(largest->at[r] - base);
    largest->at[r] = now;
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
    sum->at[r] = sum->at[r] * factor + added;
#pragma unroll
    for (int n = 0; n < kC / 8; ++n) {
      outputs[n].at[2 * r] *= factor;
      outputs[n].at[2 * r + 1] *= factor;
    }
  }
}

template <int kC, int kParts>
__global__ void __launch_bounds__(kTileThreads)
    attend_tensor(TensorAttention to, const AttentionTask* tasks) {
  const int64_t h = blockIdx.x % to.H;
  const AttentionTask task = tasks[blockIdx.x / to.H];
  DYNAMIC_SHARED(shared);
  auto* const queries = reinterpret_cast<bfloat16*>(shared);
  bfloat16* const keys = queries + kParts * kTileNumbers<kC>;
  bfloat16* const values = keys + kTileNumbers<kC>;
  auto* const bad = reinterpret_cast<int*>(values + kTileNumbers<kC>);
  const WarpPlace<kParts> place;

  const float to_log2 = to.scale * kLog2E;
  const int all_keys = task.position + task.count;
  // by any query of this warp, which may have none
  const int last_seen = place.first_row < task.count ? task.position + place.first_row + place.kRows - 1 : -1;
  const auto row_of = [&](int first) {
    return [&, first](int row) {
      const int key = first + row;
      if (key >= all_keys) return int64_t{-1};
      return key < task.before ? int64_t{task.begin} + key : int64_t{task.after} + key - task.before;
    };
  };
  fetch_tile<kC, kParts * kTileRows>(queries, to.q.head(h), to.C, [&](int row) {
    return row < task.count ? int64_t{task.first} + row : int64_t{-1};
  });
  fetch_tile<kC>(keys, to.k.head(h / to.group), to.C, row_of(0));
  close_copies();
  FragmentC outputs[kParts][kC / 8] = {};
  TwoRows largest[kParts], sum[kParts] = {};
#pragma unroll
  for (int p = 0; p < kParts; ++p) largest[p] = {{-INFINITY, -INFINITY}};
  for (int first = 0; first < all_keys; first += kTileRows) {
    wait_for_copies<0>();
    __syncthreads();  // keys are there, and nobody needs the last tile's values
    fetch_tile<kC>(values, to.v.head(h / to.group), to.C, row_of(first));
    close_copies();
    if (threadIdx.x == 0) *bad = 0;

    const bool computes = first <= last_seen;
    FragmentC scores[kParts][kBlocks] = {};
    if (computes) add_dots<kC>(scores, queries, keys, place);
    wait_for_copies<0>();
    __syncthreads();  // values are there, and nobody needs the keys
    if (first + kTileRows < all_keys) {
      fetch_tile<kC>(keys, to.k.head(h / to.group), to.C, row_of(first + kTileRows));
      close_copies();
    }
    // Where some query does not see some key, what is not finite must not come through.
    if (first + kTileRows > task.position + 1) {
      if (!part_is_finite<kC>(values)) *bad = 1;
      __syncthreads();
    }
    if (!computes) continue;
    const bool all_seen = first + kTileRows <= task.position + place.first_row + 1;
    Seen seen[kParts];
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
      const int count = task.position + place.row_of(p, 0) + 1 - first;
      if (all_seen)
        weigh<kC, true>(scores[p], outputs[p], &largest[p], &sum[p], &seen[p], to_log2, count, place.t);
      else
        weigh<kC, false>(scores[p], outputs[p], &largest[p], &sum[p], &seen[p], to_log2, count, place.t);
    }
    if (*bad != 0 && !all_seen) {
#pragma unroll
      for (int p = 0; p < kParts; ++p) add_weighted_seen<kC>(outputs[p], scores[p], values, seen[p], place);
    } else {
      add_weighted<kC>(outputs, scores, values, place);
    }
  }

  const HeadRows<bfloat16> target = to.o.head(h);
#pragma unroll
  for (int p = 0; p < kParts; ++p) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = place.row_of(p, r);
      // Scores of -infinity only have no softmax.
      float total = quad_reduce(sum[p].at[r], Plus{});
      if (largest[p].at[r] == -INFINITY) total = NAN;
      if (row >= task.count) continue;
      const int64_t t = int64_t{task.first} + row;
#pragma unroll
      for (int i = 0; i < kC / 4; ++i) {
        const int64_t column = i / 2 * 8 + place.t * 2 + i % 2;
        if (column < to.C)
          target.data[t * target.stride + column] =
              narrow<bfloat16>(outputs[p][i / 2].at[2 * r + i % 2] / total);
      }
      if (place.t == 0 && to.lse != nullptr) to.lse[t * to.H + h] = kLn2 * (largest[p].at[r] + log2f(total));
    }
  }
}

template <int kC, int kParts>
void start(Device& device, const TensorAttention& attention, const AttentionTask* tasks, int64_t count) {
  const int64_t bytes = (kParts + 2) * kTileNumbers<kC> * 2 + 16;
  launch(device, {count * attention.H, kTileThreads, bytes}, attend_tensor<kC, kParts>, attention, tasks);
}

}  // namespace

bool takes_tensor_attention(const Device& device, int64_t C) {
  const char* wanted = std::getenv("OUTRIGHT_CUDA_ATTENTION");
  if (wanted != nullptr && std::strcmp(wanted, "plain") == 0) return false;
  return C <= 256 && tensor_backward_bytes(C) <= device.shared_bytes;
}

void tensor_attention(Device& device, const TensorAttention& attention,
                      const std::vector<AttentionTask>& tasks) {
  const auto count = static_cast<int64_t>(tasks.size());
  const Uploaded<AttentionTask> uploaded(device, tasks.data(), count);
  const bool wide = std::any_of(tasks.begin(), tasks.end(),
                                [](const AttentionTask& task) { return task.count > kTileRows; });
  with_tensor_width(attention.C, [&](auto width) {
    constexpr int kC = decltype(width)::value;
    if constexpr (kC <= kWidestOfTwoParts) {
      if (wide) return start<kC, 2>(device, attention, uploaded.data(), count);
    }
    start<kC, 1>(device, attention, uploaded.data(), count);
  });
}

}  // namespace outright::cuda
