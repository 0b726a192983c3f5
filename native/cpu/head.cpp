// The log-prob head: logp[n] = z[n, targets[n]] - log sum_v exp z[n, v] with z = h w^T, and its gradient,
// without ever storing z as a whole.
//
// Forward: a thread takes the columns of one tile of the vocabulary and all rows; each row leaves a (max,
// sum) pair, and the pairs are merged in order of the vocabulary (Milakov and Gimelshein, 2018). Exponentials
// are taken in base 2. Backward: for a block of the vocabulary and all rows, logits are computed again (or
// their exponentials found in the cache), turned into dz = g (onehot - exp(z - lse)), and multiplied twice:
// dw[block] += dz^T h, dh += dz w[block]. Each row of dw is visited once.
#include <cmath>
#include <cstring>
#include <vector>

#include "math.h"
#include "matmul.h"
#include "operations.h"
#include "shared/check.h"
#include "tiles.h"

namespace outright::cpu {

namespace {

constexpr int64_t kColumns = matmul::kBlockColumns;  // of a tile of logits
// Rows of logits made at a time: few, so that their exponentials are taken while the first-level cache holds
// them. Even, since rows of bfloat16 go in pairs.
constexpr int64_t kRowsOfLogits = 2 * matmul::kTileRows;
constexpr int64_t kRowsAtOnce = 4096;            // rows whose partial results are kept at a time
constexpr int64_t kBlockColumns = 4 * kColumns;  // of the vocabulary; logit gradients of two blocks are held

constexpr double kLn2 = 0.69314718055994530942;
constexpr float kLog2E = 1.4426950408889634f;

double work(int64_t N, int64_t D, int64_t V) {
  return 2.0 * static_cast<double>(N) * static_cast<double>(D) * static_cast<double>(V);
}

template <typename X>
Vec exponential(Vec x) {
  return exp2_small<(sizeof(X) == 2 ? 4 : 5)>(x);
}

// What one tile of logits says about a row, in units of log2: sum of 2^(z log2 e - max). A tile of -inf only
// has max -inf and sum 0.
struct Partial {
  float max, sum;
};

// Where the forward pass keeps the exponentials of the first `tiles` tiles: of each tile a (max) per row,
// then the rows.
template <typename X>
struct Cache {
  X* data = nullptr;
  int64_t tiles = 0;
  int64_t rows = 0;

  static constexpr int64_t kMax = sizeof(float) / sizeof(X);  // elements that hold a maximum
  static int64_t per_tile(int64_t N) { return N * (kColumns + kMax); }

  Cache() = default;
  Cache(X* storage, int64_t count, int64_t N, int64_t V)
      : data(storage), tiles(N == 0 ? 0 : std::min(count / per_tile(N), ceil_div(V, kColumns))), rows(N) {}

  X* row(int64_t tile, int64_t n) const { return data + tile * per_tile(rows) + rows * kMax + n * kColumns; }
  // By copying, since a buffer of bfloat16 need not be aligned to float32.
  void put_max(int64_t tile, int64_t n, float max) const {
    std::memcpy(data + tile * per_tile(rows) + n * kMax, &max, sizeof max);
  }
  float max(int64_t tile, int64_t n) const {
    float value;
    std::memcpy(&value, data + tile * per_tile(rows) + n * kMax, sizeof value);
    return value;
  }
};

template <typename X>
Cache<X> cache_of(Check& check, const outright_tensor* cache, int64_t N, int64_t V, bool written) {
  if (!cache) return {};
  X* data = written ? check.output<X>(cache, "cache", {cache->count})
                    : const_cast<X*>(check.input<X>(cache, "cache", {cache->count}));
  return {data, cache->count, N, V};
}

// Vectors that are worked on together, so that one does not wait for another.
constexpr int kTogether = 4;

// The partial result of n logits; `keep` (or nullptr) receives their exponentials.
template <typename X>
Partial partial_of(const float* z, int64_t n, X* keep) {
  constexpr int64_t kStep = kTogether * kLanes;
  const int64_t whole = n / kStep * kStep;
  Vec largest[kTogether];
  for (Vec& v : largest) v = splat(-INFINITY);
  for (int64_t i = 0; i < whole; i += kStep) {
#pragma GCC unroll 4
    for (int j = 0; j < kTogether; ++j) largest[j] = max(load(z + i + j * kLanes), largest[j]);
  }
  for_vectors(n - whole, [&](int64_t i, int64_t lanes) {
    const Vec v = load_n(z + whole + i, lanes);
    largest[0] = max(lanes == kLanes ? v : select(first_lanes(lanes), v, largest[0]), largest[0]);
  });
  const Vec top_lanes = max(max(largest[0], largest[1]), max(largest[2], largest[3]));
  const float top = max_lanes(top_lanes) * kLog2E;
  const Vec shift = splat(top == -INFINITY ? 0.0f : -top);

  Vec sums[kTogether] = {};
  for (int64_t i = 0; i < whole; i += kStep) {
#pragma GCC unroll 4
    for (int j = 0; j < kTogether; ++j) {
      const Vec weight = exponential<X>(fma(load(z + i + j * kLanes), splat(kLog2E), shift));
      if (keep) store_normal(keep + i + j * kLanes, weight);
      sums[j] += weight;
    }
  }
  for_vectors(n - whole, [&](int64_t i, int64_t lanes) {
    const Vec weight = exponential<X>(fma(load_n(z + whole + i, lanes), splat(kLog2E), shift));
    if (keep) store_n(keep + whole + i, weight, lanes);
    sums[0] += lanes == kLanes ? weight : select(first_lanes(lanes), weight, Vec{});
  });
  return {top, sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]))};
}

// Scratch of one thread: a tile's packed weights, one block of its logits, and what the product needs.
template <typename X>
struct TileScratch {
  int64_t panels, logits, rest;
  explicit TileScratch(int64_t D)
      : panels(aligned(matmul::packed_size<X>(kColumns, D))),
        logits(aligned(kRowsOfLogits * kColumns)),
        rest(aligned(matmul::left_scratch<X>(D))) {}
  int64_t size() const { return panels + logits + rest; }
};

template <typename X>
void forward(Device& device, const X* h, const X* w, const int32_t* targets, float* logp, float* lse,
             const Cache<X>& cache, int64_t N, int64_t D, int64_t V) {
  const int64_t tiles = ceil_div(V, kColumns);
  const int64_t rows_at_once = std::min(N, kRowsAtOnce);
  const TileScratch<X> sizes(D);
  device.reserve_threads(sizes.size());
  // [tile][row] of (max, sum), then each row's target logit.
  auto* partials = reinterpret_cast<Partial*>(device.reserve_shared((2 * tiles + 1) * rows_at_once));
  auto* target_logits = reinterpret_cast<float*>(partials + tiles * rows_at_once);

  for (int64_t first = 0; first < N; first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, N - first);
    device.pool.run(tiles, work(count, D, V), [&](int64_t tile, int thread) {
      const Range columns = part(tile, kColumns, V);
      float* panels = device.thread_scratch(thread);
      float* logits = panels + sizes.panels;
      matmul::pack_nt(columns.size(), D, w + columns.begin * D, D, panels);
      for (int64_t block = 0; block < count; block += kRowsOfLogits) {
        const int64_t m = std::min(kRowsOfLogits, count - block);
        matmul::multiply(m, columns.size(), D, h + (first + block) * D, D, panels, logits, kColumns, false,
                         logits + sizes.logits);
        for (int64_t i = 0; i < m; ++i) {
          const int64_t row = block + i;
          const float* z = logits + i * kColumns;
          X* keep = tile < cache.tiles ? cache.row(tile, first + row) : nullptr;
          const Partial result = partial_of(z, columns.size(), keep);
          if (keep) cache.put_max(tile, first + row, result.max);
          partials[tile * count + row] = result;
          const int64_t target = targets[first + row] - columns.begin;
          if (target >= 0 && target < columns.size()) target_logits[row] = z[target];
        }
      }
    });
    device.pool.run(ceil_div(count, 16), 20.0 * static_cast<double>(count * tiles),
                    [&](int64_t part_of, int) {
                      const Range rows = part(part_of, 16, count);
                      for (int64_t row = rows.begin; row < rows.end; ++row) {
                        float top = -INFINITY;
                        for (int64_t t = 0; t < tiles; ++t)
                          top = std::max(top, partials[t * count + row].max);
                        double sum = 0;
                        for (int64_t t = 0; t < tiles; ++t) {
                          const Partial& some = partials[t * count + row];
                          const double scale =
                              some.max == -INFINITY ? 1.0 : std::exp2(static_cast<double>(some.max) - top);
                          sum += static_cast<double>(some.sum) * scale;
                        }
                        const double log_sum = (static_cast<double>(top) + std::log2(sum)) * kLn2;
                        const double log_probability = static_cast<double>(target_logits[row]) - log_sum;
                        lse[first + row] = static_cast<float>(log_sum);
                        logp[first + row] = log_probability > 0 ? 0.0f : static_cast<float>(log_probability);
                      }
                    });
  }
}

// The rows with g != 0, packed one behind the other if others are left out: nothing of those, not even a NaN,
// may reach a gradient.
template <typename X>
struct ActiveRows {
  std::vector<int64_t> rows;
  const X* h;  // [A,D]
  int64_t count() const { return static_cast<int64_t>(rows.size()); }
};

// Calls body(i) for whole vectors of a row, then tail(i, lanes) for the rest.
template <typename Body, typename Tail>
void for_row(int64_t n, const Body& body, const Tail& tail) {
  int64_t i = 0;
#pragma GCC unroll 4
  for (; i + kLanes <= n; i += kLanes) body(i);
  if (i < n) tail(i, n - i);
}

// dz[i] = scale e[i] for the exponentials of a row that the cache holds.
template <typename X>
void scale_row(const X* e, int64_t n, float scale, X* dz) {
  for_row(
      n, [&](int64_t i) { store_normal(dz + i, load(e + i) * scale); },
      [&](int64_t i, int64_t lanes) { store_n(dz + i, load_n(e + i, lanes) * scale, lanes); });
}

// dz[i] = -g exp(z[i] - lse) for a row of logits.
template <typename X>
void gradient_row(const float* z, int64_t n, float lse, float g, X* dz) {
  const auto gradient = [&](Vec logits) { return exponential<X>((logits - lse) * kLog2E) * -g; };
  for_row(
      n, [&](int64_t i) { store_normal(dz + i, gradient(load(z + i))); },
      [&](int64_t i, int64_t lanes) { store_n(dz + i, gradient(load_n(z + i, lanes)), lanes); });
}

struct Statistics {
  const int32_t* targets;
  const float *lse, *logp, *g;
};

// Rows of h and dz that one product of dw sums over, so that what it reads stays in the second-level cache.
template <typename X>
constexpr int64_t kRowsOfProduct = 512 * matmul::kPerUnit<X>;

// What one thread needs to turn logits into their gradients.
template <typename X>
struct GradientScratch {
  TileScratch<X> tile;
  int64_t strips;  // of dz, over the rows of one product
  GradientScratch(int64_t rows, int64_t D)
      : tile(D),
        strips(aligned(
            matmul::packed_left_size(kColumns, matmul::units<X>(std::min(rows, kRowsOfProduct<X>))))) {}
  int64_t size() const { return tile.size() + strips; }
};

// The tile of the vocabulary that a thread works on, and where its logit gradients go.
template <typename X>
struct GradientTile {
  int64_t number;
  Range columns;
  X* dz;                    // [A, kColumns]
  float* panels = nullptr;  // the packed weights of `columns`
  float* logits = nullptr;  // [kRowsOfLogits, kColumns]
  float* rest = nullptr;    // for the product
  float* strips = nullptr;  // dz packed for dw
};

// Rows [first, first + m) of dz, m <= kRowsOfLogits.
template <typename X>
void gradient_rows(const ActiveRows<X>& active, const Statistics& of, const Cache<X>& cache, int64_t D,
                   const GradientTile<X>& tile, int64_t first, int64_t m) {
  const int64_t width = tile.columns.size();
  const bool cached = tile.number < cache.tiles;
  if (!cached)
    matmul::multiply(m, width, D, active.h + first * D, D, tile.panels, tile.logits, kColumns, false,
                     tile.rest);
  for (int64_t i = 0; i < m; ++i) {
    const int64_t n = active.rows[static_cast<size_t>(first + i)];
    X* row = tile.dz + (first + i) * kColumns;
    if (cached) {
      const double shift =
          static_cast<double>(cache.max(tile.number, n)) - static_cast<double>(of.lse[n]) / kLn2;
      scale_row(cache.row(tile.number, n), width, static_cast<float>(-std::exp2(shift)) * of.g[n], row);
    } else {
      gradient_row(tile.logits + i * kColumns, width, of.lse[n], of.g[n], row);
    }
    // 1 - p at the target, which cancels where p is nearly 1
    const int64_t target = of.targets[n] - tile.columns.begin;
    if (target >= 0 && target < width) row[target] = from_float<X>(-std::expm1(of.logp[n]) * of.g[n]);
  }
}

// Floats that `rows` rows of h take, packed; also where the panels of the row behind them begin, if that is
// the first of a product.
template <typename X>
int64_t packed_hidden_size(int64_t rows, int64_t D) {
  return matmul::packed_size<X>(D, rows);
}

// Neighbouring tiles of the vocabulary whose dz is made at a time, and the first of the tiles of memory that
// hold it: there are two buffers of a block.
struct Block {
  Range columns;
  int64_t buffer;
  int64_t tiles() const { return ceil_div(columns.size(), kColumns); }
};

int64_t tiles_of_block(int64_t V) { return ceil_div(std::min(V, kBlockColumns), kColumns); }

// Floats that the weights of one tile take, packed for dh.
template <typename X>
int64_t packed_words_size(int64_t D) {
  return aligned(matmul::packed_size<X>(D, kColumns));
}

// Rows of h packed for the products of dw, kRowsOfProduct of them after each other; shared by all tiles.
template <typename X>
void pack_hidden(Device& device, const ActiveRows<X>& active, int64_t D, float* panels) {
  constexpr int64_t kWide = 2 * matmul::kPanel;
  const int64_t strips = ceil_div(D, kWide);
  const int64_t blocks = ceil_div(active.count(), kRowsOfProduct<X>);
  device.pool.run(blocks * strips, 4.0 * static_cast<double>(active.count() * D), [&](int64_t task, int) {
    const Range rows = part(task / strips, kRowsOfProduct<X>, active.count());
    const Range columns = part(task % strips, kWide, D);
    matmul::pack_nn(
        columns.size(), rows.size(), active.h + rows.begin * D + columns.begin, D,
        panels + packed_hidden_size<X>(rows.begin, D) + columns.begin * matmul::units<X>(rows.size()));
  });
}

// dz of all active rows and the columns of one tile, and if dw is there, dw[columns] += dz^T h.
template <typename X>
void tile_gradients(const ActiveRows<X>& active, const Statistics& of, const Cache<X>& cache,
                    const float* hidden, int64_t D, const GradientTile<X>& tile, float* dw) {
  const int64_t width = tile.columns.size();
  for (int64_t block = 0; block < active.count(); block += kRowsOfProduct<X>) {
    const Range rows{block, std::min(active.count(), block + kRowsOfProduct<X>)};
    const int64_t depth = matmul::units<X>(rows.size());
    for (int64_t row = rows.begin; row < rows.end; row += kRowsOfLogits) {
      const int64_t m = std::min(kRowsOfLogits, rows.end - row);
      gradient_rows(active, of, cache, D, tile, row, m);
      if (dw)
        matmul::pack_left(width, m, tile.dz + row * kColumns, kColumns,
                          tile.strips + matmul::units<X>(row - rows.begin) * matmul::kTileRows, depth);
    }
    if (dw)
      matmul::multiply_packed<X>(width, D, rows.size(), tile.strips,
                                 hidden + packed_hidden_size<X>(rows.begin, D), dw + tile.columns.begin * D,
                                 D, true);
  }
}

template <typename X>
void backward(Device& device, const X* h, const X* w, const Statistics& of, const Cache<X>& cache, X* dh,
              float* dw, int64_t N, int64_t D, int64_t V, bool accumulate) {
  ActiveRows<X> active;
  for (int64_t n = 0; n < N; ++n)
    if (of.g[n] != 0.0f) active.rows.push_back(n);
  const int64_t A = active.count();
  if (!accumulate && A < N) std::fill_n(dh, N * D, from_float<X>(0.0f));
  if (A == 0) return;

  // Shared, in floats: dz[tile][A, kColumns] in X, the weights of each tile packed for dh, dh[A, D] in
  // float32, h packed for dw, and the rows of h if some are left out.
  const auto floats = [](int64_t count) {
    return aligned(ceil_div(count * static_cast<int64_t>(sizeof(X)), 4));
  };
  const int64_t buffer_tiles = tiles_of_block(V);
  const int64_t dz_size = floats(2 * buffer_tiles * A * kColumns);
  const int64_t words_size = packed_words_size<X>(D);
  const int64_t dh_size = aligned(A * D);
  const int64_t packed_size = dw ? aligned(packed_hidden_size<X>(A, D)) : 0;
  float* shared = device.reserve_shared(dz_size + 2 * buffer_tiles * words_size + dh_size + packed_size +
                                        (A == N ? 0 : floats(A * D)));
  X* dz = reinterpret_cast<X*>(shared);
  float* packed_words = shared + dz_size;
  float* dh_rows = packed_words + 2 * buffer_tiles * words_size;
  float* packed_hidden = dh_rows + dh_size;
  active.h = h;
  if (A < N) {
    X* rows = reinterpret_cast<X*>(packed_hidden + packed_size);
    for (int64_t a = 0; a < A; ++a) std::copy_n(h + active.rows[static_cast<size_t>(a)] * D, D, rows + a * D);
    active.h = rows;
  }
  std::fill_n(dh_rows, A * D, 0.0f);
  if (dw) pack_hidden(device, active, D, packed_hidden);

  const GradientScratch<X> sizes(A, D);
  device.reserve_threads(std::max(sizes.size(), matmul::left_scratch<X>(kColumns)));

  // dz of tile i of a block, and dw of its words.
  const auto words = [&](const Block& block, int64_t i, int thread) {
    float* scratch = device.thread_scratch(thread);
    const int64_t number = block.columns.begin / kColumns + i;
    GradientTile<X> tile{number, part(number, kColumns, V), dz + (block.buffer + i) * A * kColumns};
    tile.panels = scratch;
    tile.logits = tile.panels + sizes.tile.panels;
    tile.rest = tile.logits + sizes.tile.logits;
    tile.strips = tile.rest + sizes.tile.rest;
    const X* weights = w + tile.columns.begin * D;
    if (number >= cache.tiles) matmul::pack_nt(tile.columns.size(), D, weights, D, tile.panels);
    matmul::pack_nn(D, tile.columns.size(), weights, D, packed_words + (block.buffer + i) * words_size);
    tile_gradients(active, of, cache, packed_hidden, D, tile, dw);
  };
  // What the words of a block add to one tile of dh.
  const Grid hidden(A, D, 2);
  const auto add_to_hidden = [&](const Block& block, int64_t tile, int thread) {
    const Range rows = hidden.row(tile);
    const Range columns = hidden.column(tile);
    for (int64_t i = 0; i < block.tiles(); ++i) {
      const int64_t depth = part(i, kColumns, block.columns.size()).size();
      matmul::multiply(
          rows.size(), columns.size(), depth, dz + ((block.buffer + i) * A + rows.begin) * kColumns, kColumns,
          packed_words + (block.buffer + i) * words_size + columns.begin * matmul::units<X>(depth),
          dh_rows + rows.begin * D + columns.begin, D, true, device.thread_scratch(thread));
    }
  };
  // Threads that find no more words in a block go on with dh of the block before it.
  Block before{};
  for (int64_t first = 0; first < V || before.tiles() > 0; first += kBlockColumns) {
    const Block block{{std::min(first, V), std::min(first + kBlockColumns, V)},
                      before.buffer == 0 ? buffer_tiles : 0};
    const int64_t last = before.tiles() > 0 ? hidden.tiles : 0;
    device.pool.run(block.tiles() + last,
                    (dw ? 2 : 1) * work(A, D, block.columns.size()) + work(A, D, before.columns.size()),
                    [&](int64_t task, int thread) {
                      if (task < block.tiles())
                        words(block, task, thread);
                      else
                        add_to_hidden(before, task - block.tiles(), thread);
                    });
    before = block;
  }
  device.pool.run(ceil_div(A, 16), static_cast<double>(A * D), [&](int64_t tile, int) {
    const Range some = part(tile, 16, A);
    for (int64_t a = some.begin; a < some.end; ++a) {
      X* to = dh + active.rows[static_cast<size_t>(a)] * D;
      for_vectors(D, [&](int64_t d, int64_t lanes) {
        const Vec sum = load_n(dh_rows + a * D + d, lanes);
        store_n(to + d, accumulate ? load_n(to + d, lanes) + sum : sum, lanes);
      });
    }
  });
}

}  // namespace

void logprob_head(Device& device, const outright_tensor* h, const outright_tensor* w,
                  const outright_tensor* targets, const outright_tensor* logp, const outright_tensor* lse,
                  const outright_tensor* cache, int64_t N, int64_t D, int64_t V) {
  with_storage(h, [&](auto storage) {
    using X = decltype(storage);
    Check check("logprob_head");
    check.sizes({{"N", N}, {"D", D}, {"V", V}});
    const X* hidden = check.input<X>(h, "h", {N, D});
    const X* weights = check.input<X>(w, "w", {V, D});
    const int32_t* ids = check.indices(targets, "targets", N, V);
    float* LOGP = check.output(logp, "logp", {N});
    float* LSE = check.output(lse, "lse", {N});
    const Cache<X> kept = cache_of<X>(check, cache, N, V, true);
    check.separate();
    if (N > 0) forward(device, hidden, weights, ids, LOGP, LSE, kept, N, D, V);
  });
}

void logprob_head_backward(Device& device, const outright_tensor* h, const outright_tensor* w,
                           const outright_tensor* targets, const outright_tensor* lse,
                           const outright_tensor* logp, const outright_tensor* g,
                           const outright_tensor* cache, const outright_tensor* dh, const outright_tensor* dw,
                           int64_t N, int64_t D, int64_t V, int32_t accumulate) {
  with_storage(h, [&](auto storage) {
    using X = decltype(storage);
    Check check("logprob_head_backward");
    check.sizes({{"N", N}, {"D", D}, {"V", V}});
    const X* hidden = check.input<X>(h, "h", {N, D});
    const X* weights = check.input<X>(w, "w", {V, D});
    Statistics of{};
    of.targets = check.indices(targets, "targets", N, V);
    of.lse = check.input(lse, "lse", {N});
    of.logp = check.input(logp, "logp", {N});
    of.g = check.input(g, "g", {N});
    const Cache<X> kept = cache_of<X>(check, cache, N, V, false);
    X* DH = check.output<X>(dh, "dh", {N, D});
    float* DW = check.optional_output(dw, "dw", {V, D});
    check.separate();
    backward(device, hidden, weights, of, kept, DH, DW, N, D, V, accumulate != 0);
  });
}

void head_cache_count(Device&, int32_t dtype, int64_t N, int64_t D, int64_t V, int64_t budget_bytes,
                      int64_t* count) {
  const Check check("head_cache_count");
  check.sizes({{"N", N}, {"D", D}, {"V", V}, {"budget_bytes", budget_bytes}});
  check.host(count, "count", 1);
  with_storage(dtype, [&](auto storage) {
    using X = decltype(storage);
    const int64_t per_tile = check.elements("the cache", {N, kColumns + Cache<X>::kMax});
    const int64_t fit = per_tile == 0 ? 0 : budget_bytes / static_cast<int64_t>(sizeof(X)) / per_tile;
    *count = std::min(fit, ceil_div(V, kColumns)) * per_tile;
  });
}

void head_workspace_bytes(Device& device, int32_t dtype, int64_t N, int64_t D, int64_t V, int64_t* bytes) {
  const Check check("head_workspace_bytes");
  check.sizes({{"N", N}, {"D", D}, {"V", V}});
  check.host(bytes, "bytes", 1);
  with_storage(dtype, [&](auto storage) {
    using X = decltype(storage);
    const int64_t tiles = 2 * tiles_of_block(V);
    const int64_t forward_shared = (2 * ceil_div(V, kColumns) + 1) * std::min(N, kRowsAtOnce);
    // The rows of h are packed only if some are left out, so this bounds all numbers of active rows.
    const int64_t backward_shared =
        tiles * (N * kColumns + packed_words_size<X>(D)) + 2 * N * D + packed_hidden_size<X>(N, D) + 64;
    const int64_t thread = std::max(GradientScratch<X>(N, D).size(), matmul::left_scratch<X>(kColumns));
    const int64_t floats =
        std::max(forward_shared, backward_shared) + 64 + device.pool.threads() * (thread + 64);
    *bytes = floats * static_cast<int64_t>(sizeof(float)) + N * static_cast<int64_t>(sizeof(int64_t));
  });
}

}  // namespace outright::cpu
