// The log-prob head: logits of a block of the vocabulary at a time, in float32, never stored as a whole.
//
// Forward: the logits of a block become partial statistics of fixed tiles of kTile words, which are merged in
// order at the end; of the first tiles, as many as a cache holds, exponentials are kept. Backward: lse is
// known, so a block is complete without the others; each row of dw is written once. A block that is not in
// the cache costs one product more.
#include "kernels/gemm.cuh"
#include "kernels/head_rows.cuh"
#include "kernels/rows.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

constexpr int64_t kBlock = 6 * kTile;  // words whose logits are in memory at once

// Rows of h whose g is zero become zero, so that nothing they hold comes through.
template <typename X>
struct ActiveRows {
  const X* h;
  const float* g;
  X* active;
  int64_t D;
  template <int n>
  __device__ void at(int64_t i) const {
    Pack<X, n> pack{};
    if (g[divide(i, D).whole] != 0.0f) pack = load_pack<n>(h + i);
    store_pack<n>(active + i, pack);
  }
};

// dh (+)= sums, of rows whose g is not zero.
template <typename X>
struct HiddenGradients {
  const float *sums, *g;
  X* dh;
  int64_t D;
  bool accumulate;
  template <int n>
  __device__ void at(int64_t i) const {
    const bool active = g[divide(i, D).whole] != 0.0f;
    if (accumulate && !active) return;
    Floats<n> result{};
    if (accumulate) result = load<n>(dh + i);
    if (active) {
      const Floats<n> sum = load<n>(sums + i);
#pragma unroll
      for (int k = 0; k < n; ++k) result.at[k] += sum.at[k];
    }
    store<n>(dh + i, result);
  }
};

// What a call needs, in bytes from the beginning of its scratch.
struct ForwardLayout {
  int64_t logits = 0, partials, target_logits, bytes;
  ForwardLayout(int64_t N, int64_t V) {
    partials = logits + aligned(N * std::min(V, kBlock) * 4);
    target_logits = partials + aligned(N * ceil_div(V, kTile) * static_cast<int64_t>(sizeof(Partial)));
    bytes = target_logits + aligned(N * 4);
  }
  static int64_t aligned(int64_t size) { return (size + 255) / 256 * 256; }
};
struct BackwardLayout {
  int64_t logits = 0, active, sums, bytes;  // dz lies where logits were
  BackwardLayout(int64_t N, int64_t D, int64_t V, int64_t element) {
    const auto aligned = ForwardLayout::aligned;
    active = logits + aligned(N * std::min(V, kBlock) * 4);
    sums = active + aligned(N * D * element);
    bytes = sums + aligned(N * D * 4);
  }
};

// logits[N, columns] of the words [word, word + columns)
template <typename X>
void block_of_logits(Device& device, const X* h, const X* w, float* logits, int64_t N, int64_t D,
                     int64_t word, int64_t columns) {
  const X* words = w + word * D;
  if (device.by_library(
          {N, columns, D, h, words, false, false, kDtype<X>, logits, nullptr, OUTRIGHT_FLOAT32, nullptr}))
    return;
  multiply(device, N, columns, D, Strided<X>{h, D, 1}, Strided<X>{words, D, 1},
           StoreSum<float>{logits, columns, false});
}

// dw[columns, D] += dz[N, columns]^T h[N, D]
template <typename X>
void add_to_words(Device& device, const X* dz, const X* h, float* dw, int64_t N, int64_t D, int64_t columns) {
  const int64_t stride = dz_stride<X>(columns);
  if (device.by_library(
          {columns, D, N, dz, h, true, true, kDtype<X>, dw, dw, OUTRIGHT_FLOAT32, nullptr, stride}))
    return;
  multiply(device, columns, D, N, Strided<X>{dz, 1, stride}, Strided<X>{h, 1, D},
           StoreSum<float>{dw, D, true});
}

// dh[N, D] (+)= dz[N, columns] w[columns, D]
template <typename X>
void add_to_hidden(Device& device, const X* dz, const X* w, float* dh, int64_t N, int64_t D, int64_t columns,
                   bool accumulate) {
  const float* before = accumulate ? dh : nullptr;
  const int64_t stride = dz_stride<X>(columns);
  if (device.by_library(
          {N, D, columns, dz, w, false, true, kDtype<X>, dh, before, OUTRIGHT_FLOAT32, nullptr, stride}))
    return;
  multiply(device, N, D, columns, Strided<X>{dz, stride, 1}, Strided<X>{w, 1, D},
           StoreSum<float>{dh, D, accumulate});
}

template <typename X>
void forward(Device& device, const X* h, const X* w, const int32_t* targets, float* logp, float* lse,
             const HeadCache<X>& cache, int64_t N, int64_t D, int64_t V) {
  const ForwardLayout at(N, V);
  const Scratch scratch(device, at.bytes);
  char* base = scratch.as<char>();
  float* logits = reinterpret_cast<float*>(base + at.logits);
  Partial* partials = reinterpret_cast<Partial*>(base + at.partials);
  float* target_logits = reinterpret_cast<float*>(base + at.target_logits);
  const int64_t all_tiles = ceil_div(V, kTile);
  for (int64_t word = 0; word < V; word += kBlock) {
    const int64_t columns = std::min(kBlock, V - word);
    block_of_logits(device, h, w, logits, N, D, word, columns);
    const int64_t warps = N * ceil_div(columns, kTile);
    launch(device, {ceil_div(warps, kHeadThreads / kWarp), kHeadThreads}, head_statistics<X>, logits, N,
           columns, word, targets, all_tiles, partials, target_logits, cache);
  }
  launch(device, {ceil_div(N, kHeadThreads), kHeadThreads}, merge_partials, partials, all_tiles,
         target_logits, logp, lse, N);
}

template <typename X>
void backward(Device& device, const X* h, const X* w, const HeadRow& rows, const HeadCache<X>& cache, X* dh,
              float* dw, int64_t N, int64_t D, int64_t V, bool accumulate) {
  const BackwardLayout at(N, D, V, sizeof(X));
  const Scratch scratch(device, at.bytes);
  char* base = scratch.as<char>();
  float* logits = reinterpret_cast<float*>(base + at.logits);
  const X* dz = reinterpret_cast<X*>(logits);
  X* active = reinterpret_cast<X*>(base + at.active);
  float* sums = reinterpret_cast<float*>(base + at.sums);
  for_rows<X>(device, N, D, {h, active}, ActiveRows<X>{h, rows.g, active, D});
  for (int64_t word = 0; word < V;) {
    const bool cached = word < cache.words();
    const int64_t columns = std::min(kBlock, (cached ? cache.words() : V) - word);
    if (!cached) block_of_logits<X>(device, active, w, logits, N, D, word, columns);
    launch(device, {N, kHeadThreads}, cached ? logit_gradients<X, true> : logit_gradients<X, false>, logits,
           columns, word, rows, cache);
    if (dw) add_to_words<X>(device, dz, active, dw + word * D, N, D, columns);
    add_to_hidden<X>(device, dz, w + word * D, sums, N, D, columns, word > 0);
    word += columns;
  }
  for_rows<X>(device, N, D, {sums, dh}, HiddenGradients<X>{sums, rows.g, dh, D, accumulate});
}

// Any length of the buffer will do.
template <typename X>
HeadCache<X> cache_of(Check& check, const outright_tensor* cache, int64_t N, int64_t V, bool written) {
  if (cache == nullptr) return {};
  X* data = written ? check.output<X>(cache, "cache", {cache->count})
                    : const_cast<X*>(check.input<X>(cache, "cache", {cache->count}));
  return HeadCache<X>::over(data, cache->count, N, V);
}

}  // namespace

void logprob_head(Device& device, const outright_tensor* h, const outright_tensor* w,
                  const outright_tensor* targets, const outright_tensor* logp, const outright_tensor* lse,
                  const outright_tensor* cache, int64_t N, int64_t D, int64_t V) {
  with_storage(h, [&](auto storage) {
    using X = decltype(storage);
    Check check("logprob_head", &device.mirror);
    check.sizes({{"N", N}, {"D", D}, {"V", V}});
    const X* hidden = check.input<X>(h, "h", {N, D});
    const X* weights = check.input<X>(w, "w", {V, D});
    check.indices(targets, "targets", N, V);
    float* LOGP = check.output(logp, "logp", {N});
    float* LSE = check.output(lse, "lse", {N});
    const HeadCache<X> kept = cache_of<X>(check, cache, N, V, true);
    check.separate();
    if (N > 0)
      forward(device, hidden, weights, static_cast<const int32_t*>(targets->data), LOGP, LSE, kept, N, D, V);
  });
}

void logprob_head_backward(Device& device, const outright_tensor* h, const outright_tensor* w,
                           const outright_tensor* targets, const outright_tensor* lse,
                           const outright_tensor* logp, const outright_tensor* g,
                           const outright_tensor* cache, const outright_tensor* dh, const outright_tensor* dw,
                           int64_t N, int64_t D, int64_t V, int32_t accumulate) {
  with_storage(h, [&](auto storage) {
    using X = decltype(storage);
    Check check("logprob_head_backward", &device.mirror);
    check.sizes({{"N", N}, {"D", D}, {"V", V}});
    const X* hidden = check.input<X>(h, "h", {N, D});
    const X* weights = check.input<X>(w, "w", {V, D});
    check.indices(targets, "targets", N, V);
    const float* LSE = check.input(lse, "lse", {N});
    const float* LOGP = check.input(logp, "logp", {N});
    const float* G = check.input(g, "g", {N});
    const HeadCache<X> kept = cache_of<X>(check, cache, N, V, false);
    X* DH = check.output<X>(dh, "dh", {N, D});
    float* DW = check.optional_output(dw, "dw", {V, D});
    check.separate();
    if (N > 0)
      backward(device, hidden, weights, {static_cast<const int32_t*>(targets->data), LSE, LOGP, G}, kept, DH,
               DW, N, D, V, accumulate != 0);
  });
}

void head_cache_count(Device&, int32_t dtype, int64_t N, int64_t D, int64_t V, int64_t budget_bytes,
                      int64_t* count) {
  const Check check("head_cache_count");
  check.sizes({{"N", N}, {"D", D}, {"V", V}, {"budget_bytes", budget_bytes}});
  check.host(count, "count", 1);
  check.elements("the cache", {N, V, int64_t{sizeof(float)}});
  with_storage(dtype, [&](auto storage) {
    using X = decltype(storage);
    const int64_t tiles = HeadCache<X>::most_tiles(budget_bytes / static_cast<int64_t>(sizeof(X)), N, V);
    *count = N == 0 ? 0 : HeadCache<X>::elements(tiles, N, V);
  });
}

void head_workspace_bytes(Device&, int32_t dtype, int64_t N, int64_t D, int64_t V, int64_t* bytes) {
  const Check check("head_workspace_bytes");
  check.sizes({{"N", N}, {"D", D}, {"V", V}});
  check.host(bytes, "bytes", 1);
  const int64_t element = std::max<int64_t>(dtype_bytes(dtype), 2);
  // blocks of memory are rounded up by an eighth at most
  const int64_t most = std::max(ForwardLayout(N, V).bytes, BackwardLayout(N, D, V, element).bytes);
  *bytes = most + most / 8 + 512;
}

}  // namespace outright::cuda
