// Attention backward in bfloat16 on tensor cores, gradients of queries: a block takes one or two tiles of
// queries of a head, a warp 16 or 32 rows of one of them, and goes through the tiles of keys that they meet.
// A row's bits do not depend on how many tiles its block has.
#include "attention_tensor.h"

#include "kernels/tensor_backward.cuh"
#include "kernels/tensor_warp.cuh"
#include "kernels/tensor_warpgroup.cuh"

namespace outright::cuda {

namespace {

// The tiles of keys that some tiles of queries meet, in order, each of them once.
template <int kTiles>
struct Walk {
  const int32_t* others;
  int32_t at[kTiles], end[kTiles];  // in `others`, of each tile of queries

  struct Step {
    int32_t tile;
    bool meets[kTiles], all_seen[kTiles];
  };
  // False where there is no further one.
  __device__ bool next(Step* step) {
    step->tile = INT32_MAX;
#pragma unroll
    for (int i = 0; i < kTiles; ++i)
      if (at[i] < end[i] && met_tile(others[at[i]]).tile < step->tile)
        step->tile = met_tile(others[at[i]]).tile;
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      const MetTile met = at[i] < end[i] ? met_tile(others[at[i]]) : MetTile{-1, false};
      step->meets[i] = met.tile == step->tile;
      step->all_seen[i] = met.all_seen;
      if (step->meets[i]) ++at[i];
    }
    return step->tile != INT32_MAX;
  }
};

// Of a list whose length the compiler knows: an index would send it to memory.
template <typename T, int kTiles>
__device__ inline T pick(const T (&list)[kTiles], bool second) {
  return kTiles == 2 && second ? list[kTiles - 1] : list[0];
}

// What a block has in shared memory: queries and gradients of its tiles, keys and values of a turn, which
// takes fewer of them where there are more queries, and what is known of the queries.
template <typename Products, int kC, int kBuffers, int kTiles>
struct QueryBlock {
  static constexpr int kKeys = kTileRows / kTiles;  // of a turn
  static constexpr int kRows = kTiles * kTileRows;
  using Queries = Tile<Products, kC, kRows>;
  using Keys = Stream<Products, kC, kBuffers, kKeys>;
  static constexpr int64_t kBytes = 2 * (2 * Queries::kNumbers + kBuffers * 2 * Keys::Rows::kNumbers) +
                                    kRows * static_cast<int64_t>(sizeof(Rule)) +
                                    2 * static_cast<int64_t>(sizeof(int));

  Queries queries, gradients;
  Keys stream;
  Rule* rules;
  int* bad;  // of two turns
  __device__ explicit QueryBlock(void* shared)
      : queries{static_cast<bfloat16*>(shared)},
        gradients{queries.end()},
        stream{gradients.end()},
        rules(reinterpret_cast<Rule*>(stream.end())),
        bad(reinterpret_cast<int*>(rules + kRows)) {}
};

// Scores and products of the warp's rows with the keys of a turn become weights and slopes. `first` and
// `count` are of these keys, `tokens` of the warp's rows: -1 where there is none.
template <int kTiles, int kN>
__device__ inline void pull_seen(FragmentC (&scores)[kTiles][kN], FragmentC (&products)[kTiles][kN],
                                 Seen (&seen)[kTiles], const Rule* rules, const int32_t (&tokens)[kTiles][2],
                                 int64_t first, int count, float to_log2, const WarpPlace<kTiles>& place) {
#pragma unroll
  for (int p = 0; p < kTiles; ++p) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const Rule rule = rules[place.row_of(p, r)];
#pragma unroll
      for (int n = 0; n < kN; ++n) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const int column = n * 8 + place.t * 2 + j, k = 2 * r + j;
          const bool is_seen = column < count && tokens[p][r] >= 0 && rule.sees(tokens[p][r], first + column);
          seen[p].set(n, k, is_seen);
          pull(scores[p][n].at[k], products[p][n].at[k], rule.lse, rule.delta, is_seen, to_log2);
        }
      }
    }
  }
}

template <typename Products, int kC, int kBuffers, int kTiles>
__global__ void __launch_bounds__(Products::template Block<kTiles * kTileRows>::kThreads,
                                  Products::kBlocksOfQueries)
    query_gradients_tensor(TensorBackward in, OnTiles tiles, int64_t all_tiles) {
  using Block = QueryBlock<Products, kC, kBuffers, kTiles>;
  static_assert(Products::template Block<Block::kRows>::kParts == kTiles);
  constexpr int kKeys = Block::kKeys, kThreads = Products::template Block<Block::kRows>::kThreads;
  DYNAMIC_SHARED_ALIGNED(shared, kPanelAlignment);
  const Block block(shared);
  const WarpPlace<kTiles> place;
  // The last tiles of documents meet the most keys, so they begin first.
  const int64_t h = blockIdx.x % in.H;
  const int64_t first_tile = (gridDim.x / in.H - 1 - blockIdx.x / in.H) * kTiles;
  TileRows rows[kTiles];
  Walk<kTiles> walk{tiles.others, {}, {}};
#pragma unroll
  for (int i = 0; i < kTiles; ++i) {
    const int64_t tile = first_tile + i;
    rows[i] = tile < all_tiles ? in.rows[tile] : TileRows{0, 0};
    walk.at[i] = tile < all_tiles ? tiles.begins[tile] : 0;
    walk.end[i] = tile < all_tiles ? tiles.begins[tile + 1] : 0;
  }
  const auto token_of = [&](int row) {
    const TileRows of = pick(rows, row >= kTileRows);
    return row % kTileRows < of.count ? int64_t{of.first} + row % kTileRows : int64_t{-1};
  };
  fetch_tile<kThreads>(block.queries, in.q.head(h), in.C, token_of);
  fetch_tile<kThreads>(block.gradients, in.dout.head(h), in.C, token_of);
  const HeadRows<const bfloat16> k_rows = in.k.head(h / in.group), v_rows = in.v.head(h / in.group);
  const auto fetch = [&](int turn, const typename Walk<kTiles>::Step& step, int part) {
    const TileRows others = in.rows[step.tile];
    block.stream.template fetch<kThreads>(turn, k_rows, v_rows, in.C, int64_t{others.first} + part * kKeys,
                                          others.count - part * kKeys);
  };
  typename Walk<kTiles>::Step step;
  bool more = walk.next(&step);
  if constexpr (kBuffers == 2) {
    if (more) fetch(0, step, 0);
  }
  for (int row = static_cast<int>(threadIdx.x); row < Block::kRows; row += kThreads) {
    const int64_t t = token_of(row);
    block.rules[row] = t >= 0 ? rule_of(in, h, t) : Rule{};
  }
  __syncthreads();
  int32_t tokens[kTiles][2];
  float lse[kTiles][2], delta[kTiles][2];
#pragma unroll
  for (int p = 0; p < kTiles; ++p) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = place.row_of(p, r);
      tokens[p][r] = static_cast<int32_t>(token_of(row));
      lse[p][r] = block.rules[row].lse;
      delta[p][r] = block.rules[row].delta;
    }
  }
  const bool in_second = place.first_row >= kTileRows;
  const TileRows own = pick(rows, in_second);
  const int own_row = place.first_row % kTileRows;  // of the warp, in its tile
  // Whether the rows whose products are taken together, this warp's among them, have any query.
  constexpr int kTogether = kTiles * Products::kTogether;
  const bool has_rows = own_row / kTogether * kTogether < own.count;
  const float to_log2 = in.scale * kLog2E;
  FragmentC sums[kTiles][kC / 8] = {};
  int part = 0;
  for (int turn = 0; more; ++turn) {
    const TileRows others = in.rows[step.tile];
    // the turn after this one: what is left of this tile, or the next
    typename Walk<kTiles>::Step next = step;
    const bool goes_on = (part + 1) * kKeys < others.count;
    const int next_part = goes_on ? part + 1 : 0;
    const bool more_then = goes_on || walk.next(&next);
    if constexpr (kBuffers == 1) {
      __syncthreads();  // the last keys and values have been used
      fetch(turn, step, part);
    }
    Products::wait_for_tiles();
    int* const is_bad = block.bad + turn % 2;  // others may still read the last turn's
    if (threadIdx.x == 0) *is_bad = 0;
    __syncthreads();  // keys and values are there, and the last ones have been used
    if constexpr (kBuffers == 2) {
      if (more_then) fetch(turn + 1, next, next_part);
    }
    const Tile<Products, kC, kKeys> keys = block.stream.first(turn), values = block.stream.second(turn);
    bool looked_at = false;  // whether some pair of the block may not see one another
#pragma unroll
    for (int i = 0; i < kTiles; ++i) looked_at = looked_at || (step.meets[i] && !step.all_seen[i]);
    if (looked_at) {
      if (!part_is_finite<kThreads>(keys)) *is_bad = 1;
      __syncthreads();
    }
    if (pick(step.meets, in_second) && has_rows) {
      FragmentC scores[kTiles][kKeys / 8], products[kTiles][kKeys / 8];
      Products::dots(scores, block.queries, keys, place);
      Products::dots(products, block.gradients, values, place);
      Products::await(scores, products);
      const bool all_seen = pick(step.all_seen, in_second);
      Seen seen[kTiles];
      if (all_seen) {
#pragma unroll
        for (int p = 0; p < kTiles; ++p)
#pragma unroll
          for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
            for (int k = 0; k < 4; ++k)
              pull(scores[p][n].at[k], products[p][n].at[k], lse[p][k / 2], delta[p][k / 2], true, to_log2);
      } else {
        pull_seen(scores, products, seen, block.rules, tokens, int64_t{others.first} + part * kKeys,
                  others.count - part * kKeys, to_log2, place);
      }
      add_weighted_rows(sums, products, keys, all_seen || *is_bad == 0, seen, place);
    }
    step = next;
    part = next_part;
    more = more_then;
  }
  wait_for_copies<0>();  // none may arrive after its block has gone
#pragma unroll
  for (int p = 0; p < kTiles; ++p)
    put<kC>(in.dq.head(h), sums[p], own, own_row + 16 * p, in.C, in.scale, in.accumulate, place);
}

template <typename Products, int kC, int kBuffers, int kTiles>
void start(Device& device, const TensorBackward& in, int64_t tiles, const OnTiles& by_query) {
  using Block = QueryBlock<Products, kC, kBuffers, kTiles>;
  const int64_t blocks = ceil_div(tiles, int64_t{kTiles}) * in.H;
  launch(device, {blocks, Products::template Block<Block::kRows>::kThreads, Block::kBytes},
         query_gradients_tensor<Products, kC, kBuffers, kTiles>, in, by_query, tiles);
}

}  // namespace

int64_t query_gradients_bytes(int64_t C) {
  int64_t bytes = 0;
  with_tensor_width(
      C, [&](auto width) { bytes = QueryBlock<WarpProducts, decltype(width)::value, 1, 1>::kBytes; });
  return bytes;
}

void tensor_query_gradients(Device& device, const TensorBackward& in, int64_t tiles, bool in_pairs,
                            const OnTiles& by_query) {
  with_tensor_width(in.C, [&](auto width) {
    constexpr int kC = decltype(width)::value;
    if constexpr (kC <= kWidestOfTwoParts) {
      if (by_warpgroups(device, in.C)) return start<WarpgroupProducts, kC, 2, 1>(device, in, tiles, by_query);
      if (in_pairs && QueryBlock<WarpProducts, kC, 2, 2>::kBytes <= device.shared_bytes)
        return start<WarpProducts, kC, 2, 2>(device, in, tiles, by_query);
      if (two_blocks_fit(device, QueryBlock<WarpProducts, kC, 2, 1>::kBytes))
        return start<WarpProducts, kC, 2, 1>(device, in, tiles, by_query);
    }
    start<WarpProducts, kC, 1, 1>(device, in, tiles, by_query);
  });
}

}  // namespace outright::cuda
