// Attention over a flat row, forward, in bfloat16 on tensor cores (after Dao, FlashAttention-2, 2023): a
// block takes 64 or 128 queries of one run of tokens and one head, a warp 16 or 32 of them, and goes through
// the keys that they see in tiles of 64 with an online softmax in base 2. Weights are rounded to bfloat16 for
// the second product; sums and statistics are float32. A query's bits depend on the keys that it sees and
// their order, not on how many queries its block has.
#include "attention_tensor.h"

#include <algorithm>

#include "kernels/tensor_forward.cuh"
#include "kernels/tensor_warp.cuh"

namespace outright::cuda {

namespace {

template <int kC, int kRows>
__global__ void __launch_bounds__(WarpProducts::Block<kRows>::kThreads)
    attend_tensor(TensorAttention to, const AttentionTask* tasks) {
  constexpr int kThreads = WarpProducts::Block<kRows>::kThreads, kParts = WarpProducts::Block<kRows>::kParts;
  const int64_t h = blockIdx.x % to.H;
  const AttentionTask task = tasks[blockIdx.x / to.H];
  DYNAMIC_SHARED(shared);
  const Tile<WarpProducts, kC, kRows> queries{reinterpret_cast<bfloat16*>(shared)};
  const Tile<WarpProducts, kC> keys{queries.end()}, values{keys.end()};
  auto* const bad = reinterpret_cast<int*>(values.end());
  const WarpPlace<kParts> place;

  const float to_log2 = to.scale * kLog2E;
  const int all_keys = task.position + task.count;
  // by any query of this warp, which may have none
  const int last_seen = place.first_row < task.count ? task.position + place.first_row + place.kRows - 1 : -1;
  const auto row_of = [&](int first) { return [&, first](int row) { return key_row(task, first + row); }; };
  fetch_tile<kThreads>(queries, to.q.head(h), to.C,
                       [&](int row) { return row < task.count ? int64_t{task.first} + row : int64_t{-1}; });
  fetch_tile<kThreads>(keys, to.k.head(h / to.group), to.C, row_of(0));
  close_copies();
  FragmentC outputs[kParts][kC / 8] = {};
  Softmax softmax[kParts];
  for (int first = 0; first < all_keys; first += kTileRows) {
    wait_for_copies<0>();
    __syncthreads();  // keys are there, and nobody needs the last tile's values
    fetch_tile<kThreads>(values, to.v.head(h / to.group), to.C, row_of(first));
    close_copies();
    if (threadIdx.x == 0) *bad = 0;

    const bool computes = first <= last_seen;
    FragmentC scores[kParts][kBlocks];
    if (computes) WarpProducts::dots(scores, queries, keys, place);
    wait_for_copies<0>();
    __syncthreads();  // values are there, and nobody needs the keys
    if (first + kTileRows < all_keys) {
      fetch_tile<kThreads>(keys, to.k.head(h / to.group), to.C, row_of(first + kTileRows));
      close_copies();
    }
    // Where some query does not see some key, what is not finite must not come through.
    if (first + kTileRows > task.position + 1) {
      if (!part_is_finite<kThreads>(values)) *bad = 1;
      __syncthreads();
    }
    if (!computes) continue;
    const bool all_seen = first + kTileRows <= task.position + place.first_row + 1;
    Seen seen[kParts];
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
      const int count = task.position + place.row_of(p, 0) + 1 - first;
      scale_rows(outputs[p], all_seen
                                 ? weigh<true>(scores[p], &softmax[p], &seen[p], to_log2, count, place.t)
                                 : weigh<false>(scores[p], &softmax[p], &seen[p], to_log2, count, place.t));
    }
    add_weighted_rows(outputs, scores, values, all_seen || *bad == 0, seen, place);
  }
#pragma unroll
  for (int p = 0; p < kParts; ++p)
    put_attention<kC>(to, task, h, outputs[p], softmax[p], place.row_of(p, 0), place.t);
}

template <int kC, int kRows>
void start(Device& device, const TensorAttention& attention, const AttentionTask* tasks, int64_t count) {
  constexpr int64_t kNumbers = Tile<WarpProducts, kC, kRows>::kNumbers + 2 * Tile<WarpProducts, kC>::kNumbers;
  launch(device, {count * attention.H, WarpProducts::Block<kRows>::kThreads, 2 * kNumbers + 16},
         attend_tensor<kC, kRows>, attention, tasks);
}

}  // namespace

bool takes_tensor_attention(const Device& device, int64_t C) {
  return device.attention != AttentionWay::kPlain && C <= 256 &&
         tensor_backward_bytes(C) <= device.shared_bytes;
}

bool by_warpgroups(const Device& device, int64_t C) {
  return device.attention == AttentionWay::kByWarpgroups && C <= kWidestOfTwoParts;
}

void tensor_attention(Device& device, const TensorAttention& attention,
                      const std::vector<AttentionTask>& tasks) {
  const auto count = static_cast<int64_t>(tasks.size());
  const Uploaded<AttentionTask> uploaded(device, tasks.data(), count);
  const bool wide = std::any_of(tasks.begin(), tasks.end(),
                                [](const AttentionTask& task) { return task.count > kTileRows; });
  if (by_warpgroups(device, attention.C))
    return warpgroup_attention(device, attention, uploaded.data(), count, wide);
  with_tensor_width(attention.C, [&](auto width) {
    constexpr int kC = decltype(width)::value;
    if constexpr (kC <= kWidestOfTwoParts) {
      if (wide) return start<kC, 128>(device, attention, uploaded.data(), count);
    }
    start<kC, 64>(device, attention, uploaded.data(), count);
  });
}

}  // namespace outright::cuda
