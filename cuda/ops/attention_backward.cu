// Attention backward, in float32 arithmetic. Weights are computed again from lse. One kernel goes for dq
// through the keys of each tile of queries, one for dk and dv through the queries of each tile of keys, all
// heads of a group one after the other: every number is written once and has one order of summation. The
// clear one for every GPU; attention_backward_tensor.cu is the fast one.
#include "attention_tensor.h"
#include "kernels/attention.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

// delta[t, h] = sum_c dout * o: a warp each.
template <typename X>
__global__ void __launch_bounds__(256)
    deltas(const X* dout, const X* o, float* delta, int64_t count, int64_t C) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * (256 / kWarp) + threadIdx.x / kWarp;
  float sum = 0.0f;
  if (i < count)
    for (int64_t c = threadIdx.x % kWarp; c < C; c += kWarp)
      sum += widen(dout[i * C + c]) * widen(o[i * C + c]);
  sum = warp_reduce(sum, Plus{});
  if (i < count && threadIdx.x % kWarp == 0) delta[i] = sum;
}

template <typename X>
struct BackwardInputs {
  AllHeads<const X> q, k, v, dout;
  const float *lse, *delta;  // [T, H]
  Sight sight;
  OnTiles tiles;
  int64_t T, H, group, C;
  float scale;
};

// p and ds of query t and key j, both zero where it does not see it.
struct Pulled {
  float weight, slope;
};
template <typename X>
__device__ inline Pulled pull(const BackwardInputs<X>& in, int64_t h, int64_t t, int64_t j,
                              const float* query, const float* key, const float* gradient,
                              const float* value) {
  if (t >= in.T || j >= in.T || !in.sight.sees(t, j)) return {0.0f, 0.0f};
  const float weight = expf(in.scale * dot(query, key, in.C) - in.lse[t * in.H + h]);
  return {weight, weight * (dot(gradient, value, in.C) - in.delta[t * in.H + h])};
}

template <typename Tile, typename X>
__device__ inline void put(const HeadRows<X>& to, int64_t row, int64_t lane, int64_t C, const float* sums,
                           float factor, bool accumulate) {
  for (int c = 0; c < Tile::kOutputs; ++c) {
    const int64_t column = lane + c * kRowThreads;
    if (column >= C) break;
    X* here = to.data + row * to.stride + column;
    *here = narrow<X>((accumulate ? widen(*here) : 0.0f) + sums[c] * factor);
  }
}

template <typename Tile, typename X>
__global__ void __launch_bounds__(Tile::kThreads)
    query_gradients(BackwardInputs<X> in, AllHeads<X> dq, bool accumulate) {
  const int64_t C = in.C, size = Tile::kRows * (C + 1);
  DYNAMIC_SHARED(queries);
  float* gradients = queries + size;
  float* keys = gradients + size;
  float* values = keys + size;
  const int64_t row = threadIdx.x / kRowThreads, lane = threadIdx.x % kRowThreads;
  float* slopes = values + size + row * (Tile::kRows + 1);
  const int64_t h = blockIdx.x % in.H, query_tile = blockIdx.x / in.H;
  const int64_t first_query = query_tile * Tile::kRows;
  load_rows<Tile>(queries, in.q.head(h), first_query, in.T, C);
  load_rows<Tile>(gradients, in.dout.head(h), first_query, in.T, C);
  float sums[Tile::kOutputs] = {};
  for (int32_t i = in.tiles.begins[query_tile]; i < in.tiles.begins[query_tile + 1]; ++i) {
    const int64_t first_key = static_cast<int64_t>(in.tiles.others[i]) * Tile::kRows;
    __syncthreads();  // the last tile has been used
    load_rows<Tile>(keys, in.k.head(h / in.group), first_key, in.T, C);
    load_rows<Tile>(values, in.v.head(h / in.group), first_key, in.T, C);
    __syncthreads();
    for (int s = 0; s < Tile::kScores; ++s) {
      const int64_t key = lane + s * kRowThreads;
      slopes[key] = pull(in, h, first_query + row, first_key + key, queries + row * (C + 1),
                         keys + key * (C + 1), gradients + row * (C + 1), values + key * (C + 1))
                        .slope;
    }
    __syncwarp();  // a row's slopes are its own warp's
    add_rows<Tile>(sums, slopes, keys, lane, C);
  }
  if (first_query + row < in.T) put<Tile>(dq.head(h), first_query + row, lane, C, sums, in.scale, accumulate);
}

template <typename Tile, typename X>
__global__ void __launch_bounds__(Tile::kThreads)
    key_gradients(BackwardInputs<X> in, AllHeads<X> dk, AllHeads<X> dv, bool accumulate) {
  const int64_t C = in.C, size = Tile::kRows * (C + 1);
  DYNAMIC_SHARED(keys);
  float* values = keys + size;
  float* queries = values + size;
  float* gradients = queries + size;
  const int64_t row = threadIdx.x / kRowThreads, lane = threadIdx.x % kRowThreads;
  float* weights = gradients + size + row * (Tile::kRows + 1);
  float* slopes = weights + Tile::kRows * (Tile::kRows + 1);
  const int64_t G = in.H / in.group;
  const int64_t g = blockIdx.x % G, key_tile = blockIdx.x / G;
  const int64_t first_key = key_tile * Tile::kRows;
  load_rows<Tile>(keys, in.k.head(g), first_key, in.T, C);
  load_rows<Tile>(values, in.v.head(g), first_key, in.T, C);
  float k_sums[Tile::kOutputs] = {}, v_sums[Tile::kOutputs] = {};
  for (int64_t h = g * in.group; h < (g + 1) * in.group; ++h) {
    for (int32_t i = in.tiles.begins[key_tile]; i < in.tiles.begins[key_tile + 1]; ++i) {
      const int64_t first_query = static_cast<int64_t>(in.tiles.others[i]) * Tile::kRows;
      __syncthreads();  // the last tile has been used
      load_rows<Tile>(queries, in.q.head(h), first_query, in.T, C);
      load_rows<Tile>(gradients, in.dout.head(h), first_query, in.T, C);
      __syncthreads();
      for (int s = 0; s < Tile::kScores; ++s) {
        const int64_t query = lane + s * kRowThreads;
        const Pulled pulled = pull(in, h, first_query + query, first_key + row, queries + query * (C + 1),
                                   keys + row * (C + 1), gradients + query * (C + 1), values + row * (C + 1));
        weights[query] = pulled.weight;
        slopes[query] = pulled.slope;
      }
      __syncwarp();  // a row's weights are its own warp's
      add_rows<Tile>(v_sums, weights, gradients, lane, C);
      add_rows<Tile>(k_sums, slopes, queries, lane, C);
    }
  }
  if (first_key + row >= in.T) return;
  put<Tile>(dk.head(g), first_key + row, lane, C, k_sums, in.scale, accumulate);
  put<Tile>(dv.head(g), first_key + row, lane, C, v_sums, 1.0f, accumulate);
}

}  // namespace

void attention_backward(Device& device, const outright_tensor* dout, const outright_tensor* q,
                        const outright_tensor* k, const outright_tensor* v,
                        const outright_head_layout* layout, const outright_tensor* o,
                        const outright_tensor* lse, const outright_tensor* start,
                        const outright_tensor* skip_from, const outright_tensor* skip_to,
                        const outright_tensor* dq, const outright_tensor* dk, const outright_tensor* dv,
                        int64_t T, int64_t H, int64_t G, int64_t C, double scale, int32_t accumulate) {
  with_storage(dout, [&](auto storage) {
    using X = decltype(storage);
    Check check("attention_backward", &device.mirror);
    const AttentionShape shape = attention_shape(check, layout, T, H, G, C, scale);
    const int64_t q_extent = shape.q.extent(check, T, C);
    const int64_t k_extent = shape.k.extent(check, T, C);
    const int64_t v_extent = shape.v.extent(check, T, C);
    const X* DO = check.input<X>(dout, "dout", {T, H, C});
    const X* Q = check.strided_input<X>(q, "q", q_extent);
    const X* K = check.strided_input<X>(k, "k", k_extent);
    const X* V = check.strided_input<X>(v, "v", v_extent);
    const X* O = check.input<X>(o, "o", {T, H, C});
    const float* LSE = check.input(lse, "lse", {T, H});
    X* DQ = check.strided_output<X>(dq, "dq", q_extent);
    X* DK = check.strided_output<X>(dk, "dk", k_extent);
    X* DV = check.strided_output<X>(dv, "dv", v_extent);
    const std::vector<Run> runs = runs_of(check, start, skip_from, skip_to, T);
    check.separate();
    if (T == 0 || H == 0) return;
    const Scratch delta(device, T * H * 4);
    launch(device, {ceil_div(T * H, 256 / kWarp), 256}, deltas<X>, DO, O, delta.as<float>(), T * H, C);
    const Sight sight{static_cast<const int32_t*>(start->data), static_cast<const int32_t*>(skip_from->data),
                      static_cast<const int32_t*>(skip_to->data)};
    if constexpr (std::is_same_v<X, bfloat16>) {
      if (takes_tensor_attention(device, C))
        return tensor_attention_backward(
            device,
            {all_heads(Q, shape.q), all_heads(K, shape.k), all_heads(V, shape.v), all_heads(DO, shape.out()),
             all_heads(DQ, shape.q), all_heads(DK, shape.k), all_heads(DV, shape.v), LSE, delta.as<float>(),
             sight, H, shape.group(), C, shape.scale, accumulate != 0},
            runs);
    }
    with_attention_tile(C, [&](auto tile) {
      using Tile = decltype(tile);
      const TileLists by_query = keys_of_queries(runs, T, Tile::kRows);
      const TileLists by_key = queries_of_keys(by_query);
      const auto tiles = static_cast<int64_t>(by_query.begins.size()) - 1;
      const auto pairs = static_cast<int64_t>(by_query.others.size());
      const Uploaded<int32_t> query_begins(device, by_query.begins.data(), tiles + 1);
      const Uploaded<int32_t> query_others(device, by_query.others.data(), pairs);
      const Uploaded<int32_t> key_begins(device, by_key.begins.data(), tiles + 1);
      const Uploaded<int32_t> key_others(device, by_key.others.data(), pairs);
      BackwardInputs<X> in{all_heads(Q, shape.q),
                           all_heads(K, shape.k),
                           all_heads(V, shape.v),
                           all_heads(DO, shape.out()),
                           LSE,
                           delta.as<float>(),
                           sight,
                           {query_begins.data(), query_others.data()},
                           T,
                           H,
                           shape.group(),
                           C,
                           shape.scale};
      const int64_t rows = 4 * Tile::kRows * (C + 1), square = Tile::kRows * (Tile::kRows + 1);
      launch(device, {tiles * H, Tile::kThreads, (rows + square) * 4}, query_gradients<Tile, X>, in,
             all_heads(DQ, shape.q), accumulate != 0);
      in.tiles = {key_begins.data(), key_others.data()};
      launch(device, {tiles * G, Tile::kThreads, (rows + 2 * square) * 4}, key_gradients<Tile, X>, in,
             all_heads(DK, shape.k), all_heads(DV, shape.v), accumulate != 0);
    });
  });
}

}  // namespace outright::cuda
