// Attention over a flat row, forward, in float32 arithmetic: a block for each head and tile of queries goes
// through the tiles of keys that its queries see, first for the largest score of each query, then for the
// sums. With the largest known beforehand a query's sums go from key to key, wherever tiles begin: its bits
// depend on the keys that it sees and on nothing else. The clear one for every GPU; attention_tensor.cu is
// the fast one.
#include "attention_tensor.h"
#include "kernels/attention.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

template <typename Tile, typename X>
__global__ void __launch_bounds__(Tile::kThreads)
    attend(AllHeads<const X> q, AllHeads<const X> k, AllHeads<const X> v, AllHeads<X> o, float* lse,
           Sight sight, OnTiles tiles, int64_t T, int64_t H, int64_t group, int64_t C, float scale) {
  const int64_t h = blockIdx.x % H;
  const int64_t query_tile = blockIdx.x / H;
  DYNAMIC_SHARED(queries);
  float* keys = queries + Tile::kRows * (C + 1);
  float* values = keys + Tile::kRows * (C + 1);
  float* weights = values + Tile::kRows * (C + 1);
  const int64_t row = threadIdx.x / kRowThreads;
  const int64_t lane = threadIdx.x % kRowThreads;
  const int64_t first_query = query_tile * Tile::kRows;
  const int64_t t = first_query + row;

  load_rows<Tile>(queries, q.head(h), first_query, T, C);
  // scores of this thread's keys of a tile; -inf where they are not seen
  const auto score = [&](int64_t first_key, int s) {
    const int64_t key = lane + s * kRowThreads;
    const bool seen = t < T && sight.sees(t, first_key + key);
    return seen ? scale * dot(queries + row * (C + 1), keys + key * (C + 1), C) : -INFINITY;
  };
  const int32_t first_tile = tiles.begins[query_tile], last_tile = tiles.begins[query_tile + 1];
  float largest = -INFINITY;
  for (int32_t i = first_tile; i < last_tile; ++i) {
    const int64_t first_key = static_cast<int64_t>(tiles.others[i]) * Tile::kRows;
    __syncthreads();  // the last tile has been used
    load_rows<Tile>(keys, k.head(h / group), first_key, T, C);
    __syncthreads();
    for (int s = 0; s < Tile::kScores; ++s) largest = Larger{}(largest, score(first_key, s));
  }
  largest = row_reduce(largest, Larger{});

  float sum = 0.0f;
  float outputs[Tile::kOutputs] = {};
  for (int32_t i = first_tile; i < last_tile; ++i) {
    const int64_t first_key = static_cast<int64_t>(tiles.others[i]) * Tile::kRows;
    __syncthreads();  // the last tile has been used
    load_rows<Tile>(keys, k.head(h / group), first_key, T, C);
    load_rows<Tile>(values, v.head(h / group), first_key, T, C);
    __syncthreads();
    float* of_row = weights + row * (Tile::kRows + 1);
    for (int s = 0; s < Tile::kScores; ++s) {
      const float z = score(first_key, s);
      of_row[lane + s * kRowThreads] = z == -INFINITY ? 0.0f : expf(z - largest);
    }
    __syncwarp();  // a row's weights are its own warp's
    for (int key = 0; key < Tile::kRows; ++key) sum += of_row[key];
    add_rows<Tile>(outputs, of_row, values, lane, C);
  }
  if (t >= T) return;
  const HeadRows<X> target = o.head(h);
  for (int c = 0; c < Tile::kOutputs; ++c) {
    const int64_t column = lane + c * kRowThreads;
    if (column < C) target.data[t * target.stride + column] = narrow<X>(outputs[c] / sum);
  }
  if (lane == 0) lse[t * H + h] = largest + logf(sum);
}

}  // namespace

void attention(Device& device, const outright_tensor* q, const outright_tensor* k, const outright_tensor* v,
               const outright_head_layout* layout, const outright_tensor* o, const outright_tensor* lse,
               const outright_tensor* start, const outright_tensor* skip_from, const outright_tensor* skip_to,
               int64_t T, int64_t H, int64_t G, int64_t C, double scale) {
  with_storage(q, [&](auto storage) {
    using X = decltype(storage);
    Check check("attention", &device.mirror);
    const AttentionShape shape = attention_shape(check, layout, T, H, G, C, scale);
    const X* Q = check.strided_input<X>(q, "q", shape.q.extent(check, T, C));
    const X* K = check.strided_input<X>(k, "k", shape.k.extent(check, T, C));
    const X* V = check.strided_input<X>(v, "v", shape.v.extent(check, T, C));
    X* O = check.output<X>(o, "o", {T, H, C});
    float* LSE = check.output(lse, "lse", {T, H});
    const std::vector<Run> runs = runs_of(check, start, skip_from, skip_to, T);
    check.separate();
    if (T == 0 || H == 0) return;
    if constexpr (std::is_same_v<X, bfloat16>) {
      if (takes_tensor_attention(device, C))
        return tensor_attention(device,
                                {all_heads(Q, shape.q), all_heads(K, shape.k), all_heads(V, shape.v),
                                 all_heads(O, shape.out()), LSE, H, shape.group(), C, shape.scale},
                                tensor_tasks(runs, C));
    }
    with_attention_tile(C, [&](auto tile) {
      using Tile = decltype(tile);
      const TileLists lists = keys_of_queries(runs, T, Tile::kRows);
      const auto query_tiles = static_cast<int64_t>(lists.begins.size()) - 1;
      const Uploaded<int32_t> begins(device, lists.begins.data(), query_tiles + 1);
      const Uploaded<int32_t> others(device, lists.others.data(), static_cast<int64_t>(lists.others.size()));
      const Sight sight{static_cast<const int32_t*>(start->data),
                        static_cast<const int32_t*>(skip_from->data),
                        static_cast<const int32_t*>(skip_to->data)};
      const int64_t floats = 3 * Tile::kRows * (C + 1) + Tile::kRows * (Tile::kRows + 1);
      launch(device, {query_tiles * H, Tile::kThreads, floats * 4}, attend<Tile, X>, all_heads(Q, shape.q),
             all_heads(K, shape.k), all_heads(V, shape.v), all_heads(O, shape.out()), LSE, sight,
             OnTiles{begins.data(), others.data()}, T, H, shape.group(), C, shape.scale);
    });
  });
}

}  // namespace outright::cuda
