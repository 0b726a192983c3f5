// Attention over a flat row, forward, in bfloat16 on tensor cores by warpgroups (wgmma.cuh; after Shah et
// al., FlashAttention-3, 2024, section 3.2): as attention_tensor.cu, but a warpgroup takes 64 queries, which
// it holds in registers, and while it computes the weights of one tile of keys it multiplies the values of
// the tile before. Only tiles of which all queries of a block see all keys go through this; the last ones, on
// the diagonal, go one after the other.
#include "attention_tensor.h"

#include "kernels/tensor_forward.cuh"
#include "kernels/tensor_warpgroup.cuh"

namespace outright::cuda {

namespace {

using Products = WarpgroupProducts;

// In shared memory: the queries of a block, and two tiles each of keys and of values.
template <int kC, int kRows>
struct ForwardBlock {
  static constexpr int kThreads = Products::Block<kRows>::kThreads;
  using Queries = Tile<Products, kC, kRows>;
  using Rows = Tile<Products, kC>;
  static constexpr int64_t kBytes = 2 * (Queries::kNumbers + 4 * Rows::kNumbers) + 16;

  Queries queries;
  __device__ Rows keys(int tile) const { return {queries.end() + tile % 2 * Rows::kNumbers}; }
  __device__ Rows values(int tile) const { return {queries.end() + (2 + tile % 2) * Rows::kNumbers}; }
  // Whether its values are not all finite.
  __device__ int* bad(int tile) const {
    return reinterpret_cast<int*>(queries.end() + 4 * Rows::kNumbers) + tile % 2;
  }
};

template <int kC, int kRows>
__global__ void __launch_bounds__(ForwardBlock<kC, kRows>::kThreads)
    attend_warpgroups(TensorAttention to, const AttentionTask* tasks) {
  using Block = ForwardBlock<kC, kRows>;
  constexpr int kThreads = Block::kThreads;
  const int64_t h = blockIdx.x % to.H;
  const AttentionTask task = tasks[blockIdx.x / to.H];
  DYNAMIC_SHARED_ALIGNED(shared, kPanelAlignment);
  const Block block{{reinterpret_cast<bfloat16*>(shared)}};
  const WarpPlace<> place;
  const float to_log2 = to.scale * kLog2E;
  const int tiles = (task.position + task.count + kTileRows - 1) / kTileRows;
  const int all_seen = (task.position + 1) / kTileRows;  // tiles from the first on
  const auto fetch = [&](const HeadRows<const bfloat16>& from, const typename Block::Rows& rows, int tile) {
    if (tile < tiles)
      fetch_tile<kThreads>(rows, from, to.C, [&](int row) { return key_row(task, tile * kTileRows + row); });
  };
  const HeadRows<const bfloat16> k_rows = to.k.head(h / to.group), v_rows = to.v.head(h / to.group);
  const auto fetch_keys = [&](int tile) { fetch(k_rows, block.keys(tile), tile); };
  const auto fetch_values = [&](int tile) { fetch(v_rows, block.values(tile), tile); };

  fetch_tile<kThreads>(block.queries, to.q.head(h), to.C,
                       [&](int row) { return row < task.count ? int64_t{task.first} + row : int64_t{-1}; });
  fetch_keys(0);
  close_copies();
  Products::wait_for_tiles();
  __syncthreads();
  FragmentA queries[kC / 16];
  Products::load_left(queries, block.queries, place);
  fetch_keys(1);
  fetch_values(0);
  close_copies();

  FragmentC outputs[1][kC / 8] = {}, scores[1][kBlocks];
  Softmax softmax;
  int tile = 0;
  if (all_seen > 0) {
    Products::dots(scores, queries, block.keys(0));
    Products::await(scores);
    TwoRows factors = weigh<true>(scores[0], &softmax, nullptr, to_log2, 0, place.t);
    for (; tile + 1 < all_seen; ++tile) {
      Products::wait_for_tiles();
      __syncthreads();  // the next keys and these values are there, those before have been used
      fetch_keys(tile + 2);
      fetch_values(tile + 1);
      close_copies();
      FragmentA weights[kTileRows / 16];
      Products::as_operands(weights, scores);
      scale_rows(outputs[0], factors);
      Products::dots(scores, queries, block.keys(tile + 1));
      Products::add_weighted(outputs, weights, block.values(tile));
      Products::await<1>(scores);
      factors = weigh<true>(scores[0], &softmax, nullptr, to_log2, 0, place.t);
      Products::await(outputs);
    }
    // the last of these
    Products::wait_for_tiles();
    __syncthreads();
    fetch_keys(tile + 2);
    fetch_values(tile + 1);
    close_copies();
    scale_rows(outputs[0], factors);
    Products::add_weighted(outputs, scores, block.values(tile), place);
    Products::await(outputs);
    ++tile;
  }
  for (; tile < tiles; ++tile) {
    int* const is_bad = block.bad(tile);  // others may still read the last tile's
    Products::wait_for_tiles();
    if (threadIdx.x == 0) *is_bad = 0;
    __syncthreads();  // these keys and values are there, and the last values have been used
    fetch_values(tile + 1);
    // What is not finite must not come through where it is not seen.
    if (!part_is_finite<kThreads>(block.values(tile))) *is_bad = 1;
    Products::dots(scores, queries, block.keys(tile));
    Products::await(scores);
    Seen seen[1];
    const int count = task.position + place.row_of(0, 0) + 1 - tile * kTileRows;
    scale_rows(outputs[0], weigh<false>(scores[0], &softmax, &seen[0], to_log2, count, place.t));
    __syncthreads();  // all have been looked at, and the keys have been used
    fetch_keys(tile + 2);
    close_copies();
    add_weighted_rows(outputs, scores, block.values(tile), *is_bad == 0, seen, place);
  }
  wait_for_copies<0>();  // none may arrive after its block has gone
  put_attention<kC>(to, task, h, outputs[0], softmax, place.row_of(0, 0), place.t);
}

template <int kC, int kRows>
void start(Device& device, const TensorAttention& attention, const AttentionTask* tasks, int64_t count) {
  using Block = ForwardBlock<kC, kRows>;
  launch(device, {count * attention.H, Block::kThreads, Block::kBytes}, attend_warpgroups<kC, kRows>,
         attention, tasks);
}

}  // namespace

void warpgroup_attention(Device& device, const TensorAttention& attention, const AttentionTask* tasks,
                         int64_t count, bool wide) {
  with_tensor_width(attention.C, [&](auto width) {
    constexpr int kC = decltype(width)::value;
    if constexpr (kC <= kWidestOfTwoParts) {
      if (wide)
        start<kC, 128>(device, attention, tasks, count);
      else
        start<kC, 64>(device, attention, tasks, count);
    }
  });
}

}  // namespace outright::cuda
