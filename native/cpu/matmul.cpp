#include "matmul.h"

#include <algorithm>
#include <utility>

#include "matmul_units.h"

namespace outright::cpu::matmul {

namespace {

// ---- packing ----

// `count` units, each an element of row `above` and one of row `below`, which may be null; then zeros.
template <typename X>
inline Vec load_column_units(const X* above, [[maybe_unused]] const X* below, int64_t count) {
#if defined(__AVX512BF16__)
  if constexpr (kPairs<X>) {
    const auto mask = static_cast<__mmask16>((1u << count) - 1u);
    const __m256i low = _mm256_maskz_loadu_epi16(mask, above);
    const __m256i high = _mm256_maskz_loadu_epi16(below ? mask : 0, below);
    return (Vec)_mm512_or_si512(
        _mm512_maskz_cvtepu16_epi32(0xffff, low),
        _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, high), 16));
  }
#endif
  return count == 0 ? Vec{} : load_n(above, count);
}

// Columns [0, count) of x[k, ...], as units[units][width]: columns beyond `count` become zeros.
template <typename X, int64_t width>
void pack_columns(int64_t count, int64_t k, const X* x, int64_t ldx, float* to) {
  for (int64_t depth = 0; depth < k; depth += kPerUnit<X>, to += width) {
    const X* row = x + depth * ldx;
    const X* below = depth + 1 < k ? row + ldx : nullptr;
    for (int64_t column = 0; column < width; column += kLanes) {
      const int64_t here = std::clamp<int64_t>(count - column, 0, kLanes);
      store_n(to + column, load_column_units(row + column, below ? below + column : nullptr, here),
              std::min<int64_t>(kLanes, width - column));
    }
  }
}

}  // namespace

template <typename X>
void pack_nt(int64_t n, int64_t k, const X* b, int64_t ldb, float* panels) {
  const int64_t depth = units<X>(k);
  for (int64_t first = 0; first < n; first += kPanel, panels += depth * kPanel) {
    for (int64_t column = 0; column < kPanel; column += kLanes) {
      const int64_t here = std::clamp<int64_t>(n - first - column, 0, kLanes);
      for (int64_t unit = 0; unit < depth; unit += kLanes) {
        Vec block[kLanes];
        for (int64_t i = 0; i < kLanes; ++i)
          block[i] = i < here ? load_units(b + (first + column + i) * ldb + unit * kPerUnit<X>,
                                           k - unit * kPerUnit<X>)
                              : Vec{};
        transpose(block);
        const int64_t deep = std::min<int64_t>(kLanes, depth - unit);
        for (int64_t j = 0; j < deep; ++j) store(panels + (unit + j) * kPanel + column, block[j]);
      }
    }
  }
}

template <typename X>
void pack_nn(int64_t n, int64_t k, const X* b, int64_t ldb, float* panels) {
  for (int64_t first = 0; first < n; first += kPanel, panels += units<X>(k) * kPanel)
    pack_columns<X, kPanel>(std::min<int64_t>(kPanel, n - first), k, b + first, ldb, panels);
}

namespace {

// Where the units of a left operand lie, in bytes.
struct Left {
  const char* data;
  int64_t row, unit;
  const char* at(int64_t rows, int64_t depth) const { return data + rows * row + depth * unit; }
};

// C[R, n] (+)= R rows of a left operand times one panel, n <= kPanel. With `half_last` the last unit of each
// row is a single bfloat16: what lies behind it is not looked at.
template <typename X, int R>
void register_tile(int64_t depth, Left a, const float* b, float* c, int64_t ldc, int64_t n, bool accumulate,
                   bool half_last) {
  // What C holds is asked for now and needed when the sums are there.
  if (accumulate) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      __builtin_prefetch(c + r * ldc, 1);
      __builtin_prefetch(c + r * ldc + kLanes, 1);
    }
  }
  Vec sum[R][2] = {};
  // Rows are reached from every third, which leaves registers for the pointers.
  constexpr int kBases = (R + 2) / 3;
  const char* base[kBases];
  for (int i = 0; i < kBases; ++i) base[i] = a.at(3 * i, 0);
  const int64_t whole = depth - (half_last ? 1 : 0);
  for (int64_t u = 0; u < whole; ++u, b += kPanel) {
    const Vec b0 = load(b);
    const Vec b1 = load(b + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec x = broadcast(base[r / 3] + (r % 3) * a.row);
      sum[r][0] = multiply_add<X>(x, b0, sum[r][0]);
      sum[r][1] = multiply_add<X>(x, b1, sum[r][1]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) base[i] += a.unit;
  }
  if (half_last) {
    const Vec b0 = load(b);
    const Vec b1 = load(b + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      uint16_t half;
      std::memcpy(&half, base[r / 3] + (r % 3) * a.row, sizeof half);
      const Vec x = splat(std::bit_cast<float>(static_cast<uint32_t>(half)));
      sum[r][0] = multiply_add<X>(x, b0, sum[r][0]);
      sum[r][1] = multiply_add<X>(x, b1, sum[r][1]);
    }
  }
  if (n == kPanel) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      float* row = c + r * ldc;
      store(row, accumulate ? load(row) + sum[r][0] : sum[r][0]);
      store(row + kLanes, accumulate ? load(row + kLanes) + sum[r][1] : sum[r][1]);
    }
    return;
  }
  // A copy in memory, so that nothing below keeps the sums themselves out of registers.
  float done[R][kPanel];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    store(done[r], sum[r][0]);
    store(done[r] + kLanes, sum[r][1]);
  }
  for (int r = 0; r < R; ++r, c += ldc) {
    for (int64_t j = 0; j < n; j += kLanes) {
      const int64_t here = std::min<int64_t>(kLanes, n - j);
      const Vec value = load(done[r] + j);
      store_n(c + j, accumulate ? load_n(c + j, here) + value : value, here);
    }
  }
}

template <typename X>
using RegisterTile = void (*)(int64_t, Left, const float*, float*, int64_t, int64_t, bool, bool);
template <typename X, size_t... I>
constexpr RegisterTile<X> pick_tile(int64_t rows, std::index_sequence<I...>) {
  constexpr RegisterTile<X> kTiles[] = {register_tile<X, static_cast<int>(I) + 1>...};
  return kTiles[rows - 1];
}

// C[m, n] (+)= units [0, depth) of a left operand times panels whose columns lie `panel_size` floats apart.
template <typename X>
void multiply_block(int64_t m, int64_t n, int64_t depth, const Left& a, const float* panels,
                    int64_t panel_size, float* c, int64_t ldc, bool accumulate, bool half_last) {
  for (int64_t i = 0; i < m; i += kTileRows) {
    const auto tile =
        pick_tile<X>(std::min<int64_t>(kTileRows, m - i), std::make_index_sequence<kTileRows>{});
    const Left rows{a.at(i, 0), a.row, a.unit};
    for (int64_t j = 0; j < n; j += kPanel)
      tile(depth, rows, panels + j / kPanel * panel_size, c + i * ldc + j, ldc,
           std::min<int64_t>(kPanel, n - j), accumulate, half_last);
  }
}

void set_zero(int64_t m, int64_t n, float* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0f);
}

// bfloat16 that is not multiplied in pairs is widened first.
template <typename X>
inline constexpr bool kWidened = sizeof(X) == 2 && !kPairs<X>;

}  // namespace

// Rows that lie a multiple of a page apart meet in the same sets of the first-level cache, which then holds
// none of them for long; such rows are copied a little apart, a register tile at a time.
constexpr int64_t kPage = 4096;
constexpr int64_t kApart = kDepth + 8 + 16;

// Longest row of a block of k, in floats of scratch.
template <typename X>
int64_t longest(int64_t k) {
  return std::min(units<X>(k), kDepth + 8);
}

template <typename X>
int64_t left_scratch(int64_t k) {
  return kWidened<X> ? kBlockRows * (longest<X>(k) + 16) : kTileRows * kApart;
}

template <typename X>
void multiply(int64_t m, int64_t n, int64_t k, const X* a, int64_t lda, const float* panels, float* c,
              int64_t ldc, bool accumulate, float* scratch) {
  if (k == 0) {
    if (!accumulate) set_zero(m, n, c, ldc);
    return;
  }
  const int64_t all = units<X>(k);
  const int64_t step = block_units<X>(k);
  for (int64_t row = 0; row < m; row += kBlockRows) {
    const int64_t mb = std::min(kBlockRows, m - row);
    for (int64_t depth = 0; depth < all; depth += step) {
      const int64_t kb = std::min(step, all - depth);
      const X* corner = a + row * lda + depth * kPerUnit<X>;
      Left left{reinterpret_cast<const char*>(corner), lda * static_cast<int64_t>(sizeof(X)), 4};
      const bool half_last = kPairs<X> && k % 2 == 1 && depth + kb == all;
      if constexpr (kWidened<X>) {
        const int64_t stride = kb % 16 == 0 ? kb + 16 : kb;
        for (int64_t i = 0; i < mb; ++i)
          for_vectors(kb, [&](int64_t u, int64_t lanes) {
            store_n(scratch + i * stride + u, load_n(corner + i * lda + u, lanes), lanes);
          });
        left = {reinterpret_cast<const char*>(scratch), stride * 4, 4};
      } else if (left.row % kPage == 0 && mb > 1) {
        const int64_t bytes = half_last ? kb * 4 - 2 : kb * 4;
        for (int64_t i = 0; i < mb; i += kTileRows) {
          const int64_t rows = std::min<int64_t>(kTileRows, mb - i);
          for (int64_t r = 0; r < rows; ++r)
            std::memcpy(scratch + r * kApart, left.at(i + r, 0), static_cast<size_t>(bytes));
          multiply_block<X>(rows, n, kb, {reinterpret_cast<const char*>(scratch), kApart * 4, 4},
                            panels + depth * kPanel, all * kPanel, c + (row + i) * ldc, ldc,
                            accumulate || depth > 0, half_last);
        }
        continue;
      }
      multiply_block<X>(mb, n, kb, left, panels + depth * kPanel, all * kPanel, c + row * ldc, ldc,
                        accumulate || depth > 0, half_last);
    }
  }
}

template <typename X>
void pack_left(int64_t n, int64_t k, const X* a, int64_t lda, float* strips, int64_t depth) {
  for (int64_t first = 0; first < n; first += kTileRows, strips += depth * kTileRows)
    pack_columns<X, kTileRows>(std::min<int64_t>(kTileRows, n - first), k, a + first, lda, strips);
}

template <typename X>
void multiply_packed(int64_t m, int64_t n, int64_t k, const float* strips, const float* panels, float* c,
                     int64_t ldc, bool accumulate) {
  const int64_t depth = units<X>(k);
  for (int64_t row = 0; row < m; row += kTileRows)
    multiply_block<X>(std::min<int64_t>(kTileRows, m - row), n, depth,
                      {reinterpret_cast<const char*>(strips + row * depth), 4, kTileRows * 4}, panels,
                      depth * kPanel, c + row * ldc, ldc, accumulate, false);
}

template <typename X>
int64_t rows_to_read_at_once(int64_t k) {
  return block_units<X>(k) < units<X>(k) ? kBlockRows : 2 * kTileRows;
}

const char* description() {
#if defined(__AVX512BF16__)
  return "own product, 14x32 register tile, bfloat16 in pairs";
#elif defined(__AVX512F__)
  return "own product, 14x32 register tile";
#elif defined(__AVX2__)
  return "own product, 6x16 register tile";
#else
  return "own product";
#endif
}

#define OUTRIGHT_INSTANTIATE(X)                                                                            \
  template void pack_nt<X>(int64_t, int64_t, const X*, int64_t, float*);                                   \
  template void pack_nn<X>(int64_t, int64_t, const X*, int64_t, float*);                                   \
  template void pack_left<X>(int64_t, int64_t, const X*, int64_t, float*, int64_t);                        \
  template void multiply_packed<X>(int64_t, int64_t, int64_t, const float*, const float*, float*, int64_t, \
                                   bool);                                                                  \
  template int64_t rows_to_read_at_once<X>(int64_t);                                                       \
  template int64_t left_scratch<X>(int64_t);                                                               \
  template void multiply<X>(int64_t, int64_t, int64_t, const X*, int64_t, const float*, float*, int64_t,   \
                            bool, float*)
OUTRIGHT_INSTANTIATE(float);
OUTRIGHT_INSTANTIATE(bfloat16);

}  // namespace outright::cpu::matmul
