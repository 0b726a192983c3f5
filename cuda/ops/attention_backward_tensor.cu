// Attention backward in bfloat16 on tensor cores: weights are computed again from lse, one kernel goes for dq
// through the keys of tiles of queries (attention_query_gradients.cu), one for dk and dv through the queries
// of each tile of keys, all heads of a group one after the other. Every number is written once and has one
// order of summation, which depends on its document alone. Weights and slopes are rounded to bfloat16 for the
// products that sum them.
#include <algorithm>

#include "attention_tensor.h"
#include "kernels/tensor_backward.cuh"
#include "kernels/tensor_warp.cuh"
#include "kernels/tensor_warpgroup.cuh"

namespace outright::cuda {

namespace {

// Of keys, of values, or of both: sums of heads of 256 numbers would fill a thread's registers twice.
template <typename Products, int kC, int kBuffers, bool kOfKeys, bool kOfValues>
__global__ void __launch_bounds__(Products::template Block<kTileRows>::kThreads, Products::kBlocksOfKeys)
    key_gradients_tensor(TensorBackward in, OnTiles tiles) {
  constexpr int kThreads = Products::template Block<kTileRows>::kThreads;
  using Rows = Tile<Products, kC>;
  const int64_t G = in.H / in.group;
  const int64_t g = blockIdx.x % G, tile = blockIdx.x / G;
  DYNAMIC_SHARED_ALIGNED(shared, kPanelAlignment);
  const Rows keys{reinterpret_cast<bfloat16*>(shared)}, values{keys.end()};
  const Stream<Products, kC, kBuffers, kTileRows> stream{values.end()};
  auto* const rules = reinterpret_cast<Rule*>(stream.end());
  auto* const bad = reinterpret_cast<int*>(rules + kBuffers * kTileRows);  // of two turns
  const WarpPlace<> place;
  const TileRows rows = in.rows[tile];
  const auto row_of = [=](int row) { return row < rows.count ? int64_t{rows.first} + row : int64_t{-1}; };
  fetch_tile<kThreads>(keys, in.k.head(g), in.C, row_of);
  fetch_tile<kThreads>(values, in.v.head(g), in.C, row_of);
  const float to_log2 = in.scale * kLog2E;
  const int32_t begin = tiles.begins[tile];
  const int per_head = tiles.begins[tile + 1] - begin;
  const int turns = per_head * static_cast<int>(in.group);  // of all heads of the group
  const auto fetch = [&](int turn) {
    const int64_t h = g * in.group + turn / per_head;
    const TileRows others = in.rows[met_tile(tiles.others[begin + turn % per_head]).tile];
    stream.template fetch<kThreads>(turn, in.q.head(h), in.dout.head(h), in.C, others.first, others.count);
    if (static_cast<int>(threadIdx.x) < others.count)
      rules[turn % kBuffers * kTileRows + threadIdx.x] = rule_of(in, h, int64_t{others.first} + threadIdx.x);
  };
  if constexpr (kBuffers == 2) {
    if (turns > 0) fetch(0);
  }
  FragmentC k_sums[1][kC / 8] = {}, v_sums[1][kC / 8] = {};
  for (int turn = 0; turn < turns; ++turn) {
    const MetTile met = met_tile(tiles.others[begin + turn % per_head]);
    const TileRows others = in.rows[met.tile];
    if constexpr (kBuffers == 1) {
      __syncthreads();  // the last tiles have been used
      fetch(turn);
    }
    Products::wait_for_tiles();
    int* const is_bad = bad + turn % 2;  // others may still read the last turn's
    if (threadIdx.x == 0) *is_bad = 0;
    __syncthreads();  // these tiles are there, and the last ones have been used
    if constexpr (kBuffers == 2) {
      if (turn + 1 < turns) fetch(turn + 1);
    }
    const Rows queries = stream.first(turn), gradients = stream.second(turn);
    const Rule* const of_column = rules + turn % kBuffers * kTileRows;
    FragmentC weights[1][kBlocks], slopes[1][kBlocks];
    if constexpr (!kOfKeys)
      for (FragmentC& block : slopes[0]) block = {};  // nobody wants them
    Products::dots(weights, keys, queries, place);
    if constexpr (kOfKeys) Products::dots(slopes, values, gradients, place);
    if (!met.all_seen) {
      if (!part_is_finite<kThreads>(queries)) *is_bad = 1;
      if (!part_is_finite<kThreads>(gradients)) *is_bad = 1;
      __syncthreads();
    }
    Products::await(weights, slopes);
    Seen seen;
#pragma unroll
    for (int n = 0; n < kBlocks; ++n) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int column = n * 8 + place.t * 2 + k % 2;
        const int row = place.first_row + place.g + k / 2 * 8;
        const bool is_seen = met.all_seen || (column < others.count && row < rows.count &&
                                              of_column[column].sees(int64_t{others.first} + column,
                                                                     int64_t{rows.first} + row));
        seen.set(n, k, is_seen);
        pull(weights[0][n].at[k], slopes[0][n].at[k], of_column[column].lse, of_column[column].delta, is_seen,
             to_log2);
      }
    }
    if (met.all_seen || *is_bad == 0) {
      if constexpr (kOfValues) Products::add_weighted(v_sums, weights, gradients, place);
      if constexpr (kOfKeys) Products::add_weighted(k_sums, slopes, queries, place);
      Products::await(v_sums, k_sums);
    } else {
      if constexpr (kOfValues) add_seen(v_sums[0], weights[0], gradients, seen, place);
      if constexpr (kOfKeys) add_seen(k_sums[0], slopes[0], queries, seen, place);
    }
  }
  wait_for_copies<0>();  // none may arrive after its block has gone
  if constexpr (kOfKeys)
    put<kC>(in.dk.head(g), k_sums[0], rows, place.first_row, in.C, in.scale, in.accumulate, place);
  if constexpr (kOfValues)
    put<kC>(in.dv.head(g), v_sums[0], rows, place.first_row, in.C, 1.0f, in.accumulate, place);
}

template <typename Products, int kC, int kBuffers>
constexpr int64_t kBytes = 2 * (2 + 2 * kBuffers) * Tile<Products, kC>::kNumbers +
                           kBuffers * kTileRows * static_cast<int64_t>(sizeof(Rule)) + 16;

template <typename Products, int kC, int kBuffers>
void start(Device& device, const TensorBackward& in, int64_t tiles, const OnTiles& by_key) {
  const Shape keys{tiles * (in.H / in.group), Products::template Block<kTileRows>::kThreads,
                   kBytes<Products, kC, kBuffers>};
  if constexpr (kC <= 128) {
    launch(device, keys, key_gradients_tensor<Products, kC, kBuffers, true, true>, in, by_key);
  } else {
    launch(device, keys, key_gradients_tensor<Products, kC, kBuffers, true, false>, in, by_key);
    launch(device, keys, key_gradients_tensor<Products, kC, kBuffers, false, true>, in, by_key);
  }
}

}  // namespace

int64_t tensor_backward_bytes(int64_t C) {
  int64_t bytes = 0;
  with_tensor_width(C, [&](auto width) {
    constexpr int kC = decltype(width)::value;
    bytes = kBytes < WarpProducts, kC, kC <= 64 ? 2 : 1 > ;
  });
  return std::max(bytes, query_gradients_bytes(C));
}

void tensor_attention_backward(Device& device, TensorBackward in, const std::vector<Run>& runs) {
  const DocumentTiles found = document_tiles(runs, kTileRows);
  const auto tiles = static_cast<int64_t>(found.rows.size());
  const auto pairs = static_cast<int64_t>(found.by_query.others.size());
  const Uploaded<TileRows> rows(device, found.rows.data(), tiles);
  const Uploaded<int32_t> query_begins(device, found.by_query.begins.data(), tiles + 1);
  const Uploaded<int32_t> query_others(device, found.by_query.others.data(), pairs);
  const Uploaded<int32_t> key_begins(device, found.by_key.begins.data(), tiles + 1);
  const Uploaded<int32_t> key_others(device, found.by_key.others.data(), pairs);
  in.rows = rows.data();
  const OnTiles by_query{query_begins.data(), query_others.data()};
  const OnTiles by_key{key_begins.data(), key_others.data()};
  // Of tiles side by side most meet the same keys, where documents are not short.
  const bool in_pairs = tiles >= 4 * static_cast<int64_t>(documents_of(runs).size());
  tensor_query_gradients(device, in, tiles, in_pairs, by_query);
  with_tensor_width(in.C, [&](auto width) {
    // Two buffers fit everywhere up to 64 numbers; of 256 they would leave a block alone either way.
    constexpr int kC = decltype(width)::value;
    if constexpr (kC <= 128) {
      if (by_warpgroups(device, in.C)) return start<WarpgroupProducts, kC, 2>(device, in, tiles, by_key);
      if (kC <= 64 || two_blocks_fit(device, kBytes<WarpProducts, kC, 2>))
        return start<WarpProducts, kC, 2>(device, in, tiles, by_key);
    }
    if constexpr (kC > 64) start<WarpProducts, kC, 1>(device, in, tiles, by_key);
  });
}

}  // namespace outright::cuda
