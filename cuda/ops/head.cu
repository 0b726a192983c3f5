// The log-prob head: logits of a block of the vocabulary at a time, in float32, never stored as a whole.
//
// Forward: the logits of a block become partial statistics of fixed tiles of kTile words (largest, and the
// sum of powers of two relative to it), which are merged in order at the end. Backward: lse is known, so a
// block is complete without the others; each row of dw is written once. There is no cache yet: a block costs
// one product more.
#include "kernels/gemm.cuh"
#include "kernels/reduce.cuh"
#include "kernels/rows.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

constexpr int64_t kTile = 1024;   // words whose statistics are taken together
constexpr int64_t kBlock = 4096;  // words whose logits are in memory at once
constexpr int kHeadThreads = 256;
constexpr float kLog2e = 1.4426950408889634f;
constexpr float kLn2 = 0.69314718055994531f;

// Of a tile of a row, in base 2: the largest logit, and the sum of 2^(logit - largest).
struct Partial {
  float largest, sum;
};

// 2^(z log2(e) - largest). Where all are -inf so is the largest: then 0, but NaN stays.
__device__ inline float term(float z, float largest) {
  if (largest == -INFINITY) return z == -INFINITY ? 0.0f : z;
  return exp2f(fmaf(z, kLog2e, -largest));
}

// A block for each row and tile: logits[n, first ... first + columns) of the words that begin at `word`.
__global__ void __launch_bounds__(kHeadThreads)
    statistics(const float* logits, int64_t columns, int64_t word, const int32_t* targets, int64_t tiles,
               int64_t all_tiles, Partial* partials, float* target_logits) {
  const int64_t n = blockIdx.x / tiles;
  const int64_t tile = blockIdx.x % tiles;
  const int64_t begin = tile * kTile;
  const int64_t end = begin + kTile < columns ? begin + kTile : columns;
  const float* row = logits + n * columns;
  float largest = -INFINITY;
  for (int64_t i = begin + threadIdx.x; i < end; i += kHeadThreads) largest = Larger{}(row[i], largest);
  largest = block_reduce(largest, Larger{}) * kLog2e;
  float sum = 0.0f;
  for (int64_t i = begin + threadIdx.x; i < end; i += kHeadThreads) sum += term(row[i], largest);
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  partials[n * all_tiles + word / kTile + tile] = {largest, sum};
  const int64_t target = targets[n] - word;
  if (target >= begin && target < end) target_logits[n] = row[target];
}

// A thread for each row.
__global__ void __launch_bounds__(kHeadThreads)
    merge(const Partial* partials, int64_t tiles, const float* target_logits, float* logp, float* lse,
          int64_t N) {
  const int64_t n = static_cast<int64_t>(blockIdx.x) * kHeadThreads + threadIdx.x;
  if (n >= N) return;
  const Partial* row = partials + n * tiles;
  float largest = -INFINITY;
  for (int64_t i = 0; i < tiles; ++i) largest = Larger{}(row[i].largest, largest);
  float sum = 0.0f;
  for (int64_t i = 0; i < tiles; ++i) {
    const float share = row[i].largest == -INFINITY ? 1.0f : exp2f(row[i].largest - largest);
    sum += row[i].sum * share;
  }
  // a logit of +inf: NaN, by inf - inf in its tile's terms
  const float all = kLn2 * (largest + log2f(sum));
  const float difference = target_logits[n] - all;
  lse[n] = all;
  logp[n] = difference > 0.0f ? 0.0f : difference;
}

// dz[n, i] = g (onehot - p); at the target 1 - p is -expm1(logp). Zero where g is, whatever the logits are. A
// block for each row and tile.
template <typename X>
__global__ void __launch_bounds__(kHeadThreads)
    logit_gradients(const float* logits, int64_t columns, int64_t word, int64_t tiles, const int32_t* targets,
                    const float* lse, const float* logp, const float* g, X* dz) {
  const int64_t n = blockIdx.x / tiles;
  const int64_t begin = blockIdx.x % tiles * kTile;
  const int64_t end = begin + kTile < columns ? begin + kTile : columns;
  const float weight = g[n], row_lse = lse[n];
  const int64_t target = targets[n] - word;
  for (int64_t i = begin + threadIdx.x; i < end; i += kHeadThreads) {
    float gradient = 0.0f;
    if (weight != 0.0f)
      gradient = weight * (i == target ? -expm1f(logp[n]) : -expf(logits[n * columns + i] - row_lse));
    dz[n * columns + i] = narrow<X>(gradient);
  }
}

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
    if (g[i / D] != 0.0f) pack = load_pack<n>(h + i);
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
    const bool active = g[i / D] != 0.0f;
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
  int64_t logits = 0, dz, active, sums, bytes;
  BackwardLayout(int64_t N, int64_t D, int64_t V, int64_t element) {
    const auto aligned = ForwardLayout::aligned;
    const int64_t block = N * std::min(V, kBlock);
    active = logits + aligned(block * 4);
    dz = logits;  // in place where both are float32
    if (element < 4) {
      dz = active;
      active += aligned(block * element);
    }
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
  if (device.by_library({columns, D, N, dz, h, true, true, kDtype<X>, dw, dw, OUTRIGHT_FLOAT32, nullptr}))
    return;
  multiply(device, columns, D, N, Strided<X>{dz, 1, columns}, Strided<X>{h, 1, D},
           StoreSum<float>{dw, D, true});
}

// dh[N, D] (+)= dz[N, columns] w[columns, D]
template <typename X>
void add_to_hidden(Device& device, const X* dz, const X* w, float* dh, int64_t N, int64_t D, int64_t columns,
                   bool accumulate) {
  const float* before = accumulate ? dh : nullptr;
  if (device.by_library(
          {N, D, columns, dz, w, false, true, kDtype<X>, dh, before, OUTRIGHT_FLOAT32, nullptr}))
    return;
  multiply(device, N, D, columns, Strided<X>{dz, columns, 1}, Strided<X>{w, 1, D},
           StoreSum<float>{dh, D, accumulate});
}

template <typename X>
void forward(Device& device, const X* h, const X* w, const int32_t* targets, float* logp, float* lse,
             int64_t N, int64_t D, int64_t V) {
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
    const int64_t tiles = ceil_div(columns, kTile);
    launch(device, {N * tiles, kHeadThreads}, statistics, logits, columns, word, targets, tiles, all_tiles,
           partials, target_logits);
  }
  launch(device, {ceil_div(N, kHeadThreads), kHeadThreads}, merge, partials, all_tiles, target_logits, logp,
         lse, N);
}

template <typename X>
void backward(Device& device, const X* h, const X* w, const int32_t* targets, const float* lse,
              const float* logp, const float* g, X* dh, float* dw, int64_t N, int64_t D, int64_t V,
              bool accumulate) {
  const BackwardLayout at(N, D, V, sizeof(X));
  const Scratch scratch(device, at.bytes);
  char* base = scratch.as<char>();
  float* logits = reinterpret_cast<float*>(base + at.logits);
  X* dz = reinterpret_cast<X*>(base + at.dz);
  X* active = reinterpret_cast<X*>(base + at.active);
  float* sums = reinterpret_cast<float*>(base + at.sums);
  for_rows<X>(device, N, D, {h, active}, ActiveRows<X>{h, g, active, D});
  for (int64_t word = 0; word < V; word += kBlock) {
    const int64_t columns = std::min(kBlock, V - word);
    block_of_logits<X>(device, active, w, logits, N, D, word, columns);
    const int64_t tiles = ceil_div(columns, kTile);
    launch(device, {N * tiles, kHeadThreads}, logit_gradients<X>, logits, columns, word, tiles, targets, lse,
           logp, g, dz);
    if (dw) add_to_words<X>(device, dz, active, dw + word * D, N, D, columns);
    add_to_hidden<X>(device, dz, w + word * D, sums, N, D, columns, word > 0);
  }
  for_rows<X>(device, N, D, {sums, dh}, HiddenGradients<X>{sums, g, dh, D, accumulate});
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
    if (cache) check.output<X>(cache, "cache", {cache->count});
    check.separate();
    if (N > 0)
      forward(device, hidden, weights, static_cast<const int32_t*>(targets->data), LOGP, LSE, N, D, V);
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
    if (cache) check.input<X>(cache, "cache", {cache->count});
    X* DH = check.output<X>(dh, "dh", {N, D});
    float* DW = check.optional_output(dw, "dw", {V, D});
    check.separate();
    if (N > 0)
      backward(device, hidden, weights, static_cast<const int32_t*>(targets->data), LSE, LOGP, G, DH, DW, N,
               D, V, accumulate != 0);
  });
}

void head_cache_count(Device&, int32_t, int64_t N, int64_t D, int64_t V, int64_t budget_bytes,
                      int64_t* count) {
  const Check check("head_cache_count");
  check.sizes({{"N", N}, {"D", D}, {"V", V}, {"budget_bytes", budget_bytes}});
  check.host(count, "count", 1);
  *count = 0;
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
