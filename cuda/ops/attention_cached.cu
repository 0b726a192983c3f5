// Attention of new tokens over a cache of keys and values, in float32 arithmetic: a block for each token and
// head goes through the keys that the token sees, first for the largest score, then for the sums, key by key
// in the order of attention.cu. The clear one for every GPU; attention_tensor.cu is the fast one.
#include "attention_tensor.h"
#include "kernels/attention.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

constexpr int kCachedThreads = 128;

template <typename X>
__global__ void __launch_bounds__(kCachedThreads)
    keep(AllHeads<const X> from, const int32_t* last, X* cache, int64_t G, int64_t C) {
  const int64_t g = blockIdx.x % G, n = blockIdx.x / G;
  const HeadRows<const X> head = from.head(g);
  for (int64_t c = threadIdx.x; c < C; c += kCachedThreads)
    cache[(last[n] * G + g) * C + c] = head.data[n * head.stride + c];
}

template <typename X>
__global__ void __launch_bounds__(kCachedThreads)
    attend_cached(AllHeads<const X> q, const X* k_cache, const X* v_cache, X* o, const int32_t* first,
                  const int32_t* last, int64_t H, int64_t G, int64_t C, float scale) {
  const int64_t h = blockIdx.x % H, n = blockIdx.x / H;
  const int64_t group = H / G, g = h / group;
  DYNAMIC_SHARED(query);
  float* weights = query + C;  // of the keys at hand
  float* outputs = weights + kCachedThreads;
  const HeadRows<const X> head = q.head(h);
  for (int64_t c = threadIdx.x; c < C; c += kCachedThreads) {
    query[c] = widen(head.data[n * head.stride + c]);
    outputs[c] = 0.0f;
  }
  __syncthreads();
  const auto score = [&](int64_t key) {
    const X* row = k_cache + (key * G + g) * C;
    float sum = 0.0f;
    for (int64_t c = 0; c < C; ++c) sum += query[c] * widen(row[c]);
    return scale * sum;
  };
  float largest = -INFINITY;
  for (int64_t key = first[n] + threadIdx.x; key <= last[n]; key += kCachedThreads)
    largest = Larger{}(largest, score(key));
  largest = block_reduce(largest, Larger{});

  float sum = 0.0f;
  for (int64_t begin = first[n]; begin <= last[n]; begin += kCachedThreads) {
    const int64_t key = begin + threadIdx.x;
    const float z = key <= last[n] ? score(key) : -INFINITY;
    __syncthreads();  // the last weights have been used
    weights[threadIdx.x] = z == -INFINITY ? 0.0f : expf(z - largest);
    __syncthreads();
    const int64_t count = last[n] - begin + 1 < kCachedThreads ? last[n] - begin + 1 : kCachedThreads;
    for (int64_t i = 0; i < count; ++i) sum += weights[i];
    for (int64_t c = threadIdx.x; c < C; c += kCachedThreads) {
      float output = outputs[c];
      for (int64_t i = 0; i < count; ++i)
        if (weights[i] != 0.0f) output += weights[i] * widen(v_cache[((begin + i) * G + g) * C + c]);
      outputs[c] = output;
    }
  }
  for (int64_t c = threadIdx.x; c < C; c += kCachedThreads)
    o[(n * H + h) * C + c] = narrow<X>(outputs[c] / sum);
}

}  // namespace

void attention_cached(Device& device, const outright_tensor* q, const outright_tensor* k,
                      const outright_tensor* v, const outright_head_layout* layout,
                      const outright_tensor* k_cache, const outright_tensor* v_cache,
                      const outright_tensor* o, const outright_tensor* first, const outright_tensor* last,
                      int64_t N, int64_t S, int64_t H, int64_t G, int64_t C, double scale) {
  with_storage(q, [&](auto storage) {
    using X = decltype(storage);
    Check check("attention_cached", &device.mirror);
    check.sizes({{"S", S}});
    const AttentionShape shape = attention_shape(check, layout, N, H, G, C, scale);
    const X* Q = check.strided_input<X>(q, "q", shape.q.extent(check, N, C));
    const X* K = check.strided_input<X>(k, "k", shape.k.extent(check, N, C));
    const X* V = check.strided_input<X>(v, "v", shape.v.extent(check, N, C));
    X* K_CACHE = check.output<X>(k_cache, "k_cache", {S, G, C});
    X* V_CACHE = check.output<X>(v_cache, "v_cache", {S, G, C});
    X* O = check.output<X>(o, "o", {N, H, C});
    const std::vector<CachedRun> runs = cached_runs_of(check, first, last, N, S);
    check.separate();
    if (N == 0 || H == 0) return;
    const auto* FIRST = static_cast<const int32_t*>(first->data);
    const auto* LAST = static_cast<const int32_t*>(last->data);
    launch(device, {N * G, kCachedThreads}, keep<X>, all_heads(K, shape.k), LAST, K_CACHE, G, C);
    launch(device, {N * G, kCachedThreads}, keep<X>, all_heads(V, shape.v), LAST, V_CACHE, G, C);
    if constexpr (std::is_same_v<X, bfloat16>) {
      const auto in_cache = [&](const X* data) { return AllHeads<const X>{data, 0, G * C, C}; };
      if (takes_tensor_attention(device, C))
        return tensor_attention(device,
                                {all_heads(Q, shape.q), in_cache(K_CACHE), in_cache(V_CACHE),
                                 all_heads(O, shape.out()), nullptr, H, shape.group(), C, shape.scale},
                                tensor_tasks(runs, C));
    }
    launch(device, {N * H, kCachedThreads, (2 * C + kCachedThreads) * 4}, attend_cached<X>,
           all_heads(Q, shape.q), K_CACHE, V_CACHE, O, FIRST, LAST, H, G, C, shape.scale);
  });
}

}  // namespace outright::cuda
