// Our own matrix product: packed panels and a register tile, as in BLIS (Van Zee and van de Geijn, 2015).
//
// One element of C is the sum of blocks of k, in order, each a chain of fused multiply-adds in order of k.
// Tiling over m and n only says which elements are computed together, so it never changes a bit.
#include <algorithm>
#include <utility>

#include "product.h"
#include "vec.h"

namespace outright::cpu {

namespace {

// The register tile: kRows rows of A by kColumns columns of B; with its operands it fills the registers.
constexpr int kRows = kLanes == 16 ? 14 : kRegisters == 32 ? 8 : 6;
constexpr int kColumns = 2 * kLanes;
// Cache blocks: a packed panel pair stays in the first-level cache, both packed blocks in the second.
constexpr int64_t kDepth = 256;
constexpr int64_t kBlockM = kRows * (kLanes == 16 ? 18 : 32);
constexpr int64_t kBlockN = 256;

// Blocks of equal length over k, a function of k alone.
struct DepthBlocks {
  int64_t count, size;
  explicit DepthBlocks(int64_t k) {
    count = std::max<int64_t>(1, (k + kDepth - 1) / kDepth);
    size = ((k + count - 1) / count + 7) / 8 * 8;
  }
};

// rows[i][j] becomes rows[j][i], in log2(kLanes) rounds of interleaving row i with row i + kLanes / 2.
template <size_t... I>
inline Vec interleave_low(Vec a, Vec b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (I / 2 + (I % 2) * kLanes)...);
}
template <size_t... I>
inline Vec interleave_high(Vec a, Vec b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (kLanes / 2 + I / 2 + (I % 2) * kLanes)...);
}
inline void transpose(Vec (&rows)[kLanes]) {
  using Lanes = std::make_index_sequence<kLanes>;
  for (int round = 1; round < kLanes; round *= 2) {
    Vec mixed[kLanes];
    for (int i = 0; i < kLanes / 2; ++i) {
      mixed[2 * i] = interleave_low(rows[i], rows[i + kLanes / 2], Lanes{});
      mixed[2 * i + 1] = interleave_high(rows[i], rows[i + kLanes / 2], Lanes{});
    }
    for (int i = 0; i < kLanes; ++i) rows[i] = mixed[i];
  }
}

// Packs `count` (at most `width`) rows of x, k columns of each, into panel[k][width]; missing rows become
// zeros.
void pack_rows(const float* x, int64_t ldx, int64_t count, int64_t k, int64_t width, float* panel) {
  for (int64_t row = 0; row < width; row += kLanes) {
    const int64_t here = std::clamp<int64_t>(count - row, 0, kLanes);
    const int64_t keep = std::min<int64_t>(kLanes, width - row);
    for (int64_t depth = 0; depth < k; depth += kLanes) {
      const int64_t deep = std::min<int64_t>(kLanes, k - depth);
      Vec block[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        const float* source = x + (row + i) * ldx + depth;
        block[i] = i >= here ? Vec{} : deep == kLanes ? load(source) : load_first(source, deep);
      }
      transpose(block);
      float* target = panel + depth * width + row;
      for (int64_t j = 0; j < deep; ++j) {
        if (keep == kLanes) {
          store(target + j * width, block[j]);
        } else {
          store_first(target + j * width, block[j], keep);
        }
      }
    }
  }
}

// Packs `count` columns of x, k rows of each, into panels[ceil(count / width)][k][width]; missing columns
// become zeros. Goes along the rows of x, which lie far apart.
void pack_columns(const float* x, int64_t ldx, int64_t count, int64_t k, int64_t width, float* panels) {
  for (int64_t depth = 0; depth < k; ++depth, x += ldx) {
    float* target = panels + depth * width;
    for (int64_t first = 0; first < count; first += width, target += k * width) {
      for (int64_t column = 0; column < width; column += kLanes) {
        const int64_t here = std::clamp<int64_t>(count - first - column, 0, kLanes);
        const int64_t keep = std::min<int64_t>(kLanes, width - column);
        const float* source = x + first + column;
        const Vec v = here == kLanes ? load(source) : load_first(source, here);
        if (keep == kLanes)
          store(target + column, v);
        else
          store_first(target + column, v, keep);
      }
    }
  }
}

// C[R, n] (+)= the product of two packed panels, a[k][kRows] and b[k][kColumns]; n <= kColumns.
template <int R>
void register_tile(int64_t k, const float* a, const float* b, float* c, int64_t ldc, int64_t n,
                   bool accumulate) {
  Vec sum[R][2] = {};
  for (int64_t depth = 0; depth < k; ++depth, a += kRows, b += kColumns) {
    const Vec b0 = load(b);
    const Vec b1 = load(b + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec x = splat(a[r]);
      sum[r][0] = fma(x, b0, sum[r][0]);
      sum[r][1] = fma(x, b1, sum[r][1]);
    }
  }
  // A copy in memory, so that nothing below keeps the sums themselves out of registers.
  float done[R][kColumns];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    store(done[r], sum[r][0]);
    store(done[r] + kLanes, sum[r][1]);
  }
  for (int r = 0; r < R; ++r, c += ldc) {
    for (int64_t j = 0; j < n; j += kLanes) {
      const int64_t here = std::min<int64_t>(kLanes, n - j);
      const Vec value = load(done[r] + j);
      if (here == kLanes)
        store(c + j, accumulate ? load(c + j) + value : value);
      else
        store_first(c + j, accumulate ? load_first(c + j, here) + value : value, here);
    }
  }
}

using RegisterTile = void (*)(int64_t, const float*, const float*, float*, int64_t, int64_t, bool);
template <size_t... I>
constexpr RegisterTile pick_tile(int64_t rows, std::index_sequence<I...>) {
  constexpr RegisterTile kTiles[] = {register_tile<static_cast<int>(I) + 1>...};
  return kTiles[rows - 1];
}

enum class Order { kRowsAreK, kColumnsAreK };  // is k along a row of the operand, or along its columns?

class Portable final : public Product {
 public:
  Portable() {
    description_ = "portable (" + std::to_string(kRows) + "x" + std::to_string(kColumns) + " register tile)";
  }

  void nt(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
          int64_t ldc, bool accumulate, float* scratch) const override {
    multiply<Order::kRowsAreK, Order::kRowsAreK>(m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
  }
  void nn(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
          int64_t ldc, bool accumulate, float* scratch) const override {
    multiply<Order::kRowsAreK, Order::kColumnsAreK>(m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
  }
  void tn(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
          int64_t ldc, bool accumulate, float* scratch) const override {
    multiply<Order::kColumnsAreK, Order::kColumnsAreK>(m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
  }
  int64_t scratch(int64_t, int64_t) const override { return kDepth * (kBlockM + kBlockN); }

 private:
  // Packs rows or columns [first, first + count) of an operand, [depth, depth + k) of the other side.
  template <Order order>
  static void pack(const float* x, int64_t ldx, int64_t first, int64_t count, int64_t depth, int64_t k,
                   int64_t width, float* panels) {
    if constexpr (order == Order::kColumnsAreK)
      pack_columns(x + depth * ldx + first, ldx, count, k, width, panels);
    else
      for (int64_t i = 0; i < count; i += width)
        pack_rows(x + (first + i) * ldx + depth, ldx, std::min(width, count - i), k, width, panels + i * k);
  }

  template <Order order_a, Order order_b>
  static void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                       int64_t ldb, float* c, int64_t ldc, bool accumulate, float* scratch) {
    if (k == 0) {
      if (!accumulate)
        for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0f);
      return;
    }
    const DepthBlocks depths(k);
    float* packed_b = scratch;
    float* packed_a = scratch + kDepth * kBlockN;
    for (int64_t depth = 0; depth < k; depth += depths.size) {
      const int64_t kb = std::min(depths.size, k - depth);
      const bool add = accumulate || depth > 0;
      for (int64_t column = 0; column < n; column += kBlockN) {
        const int64_t nb = std::min(kBlockN, n - column);
        pack<order_b>(b, ldb, column, nb, depth, kb, kColumns, packed_b);
        for (int64_t row = 0; row < m; row += kBlockM) {
          const int64_t mb = std::min(kBlockM, m - row);
          pack<order_a>(a, lda, row, mb, depth, kb, kRows, packed_a);
          for (int64_t j = 0; j < nb; j += kColumns) {
            for (int64_t i = 0; i < mb; i += kRows) {
              const RegisterTile tile =
                  pick_tile(std::min<int64_t>(kRows, mb - i), std::make_index_sequence<kRows>{});
              tile(kb, packed_a + i * kb, packed_b + j * kb, c + (row + i) * ldc + column + j, ldc,
                   std::min<int64_t>(kColumns, nb - j), add);
            }
          }
        }
      }
    }
  }
};

}  // namespace

std::unique_ptr<Product> make_portable_product() { return std::make_unique<Portable>(); }

}  // namespace outright::cpu
