// The linear layer and its two backward products.
#include <algorithm>

#include "check.h"
#include "gelu.h"
#include "matmul.h"
#include "operations.h"
#include "tiles.h"

namespace outright::cpu {

namespace {

double product_work(int64_t M, int64_t N, int64_t K) {
  return 2.0 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
}

// What happens to a tile of the float32 product before it is rounded to X: sum + b[n] + r[m,n], or y[m,n] +
// sum.
template <typename X>
struct Epilogue {
  const X* b = nullptr;
  const X* r = nullptr;
  X* y = nullptr;
  X* activated = nullptr;  // gelu of what y holds
  int64_t ldy = 0;
  bool accumulate = false;
  bool tanh = false;

  void write(int64_t m, int64_t n, int64_t first_row, int64_t first_column, const float* sums,
             int64_t lds) const {
    for (int64_t i = 0; i < m; ++i) {
      const float* row = sums + i * lds;
      const int64_t at = (first_row + i) * ldy + first_column;
      for_vectors(n, [&](int64_t j, int64_t lanes) {
        Vec value = load_n(row + j, lanes);
        if (b) value += load_n(b + first_column + j, lanes);
        if (r) value += load_n(r + at + j, lanes);
        if (accumulate) value += load_n(y + at + j, lanes);
        store_n(y + at + j, value, lanes);
        // Of the rounded number, so that the result is that of the two operations one after the other.
        if (activated) store_n(activated + at + j, gelu_value<X>(load_n(y + at + j, lanes), tanh), lanes);
      });
    }
  }
};

// Y[M,N] = A[M,K] B through an epilogue; pack(column, n, panels) packs n columns of B.
template <typename X, typename Pack>
void product_with_epilogue(Device& device, int64_t M, int64_t N, int64_t K, const X* a, const Pack& pack,
                           const Epilogue<X>& epilogue) {
  const Grid grid(M, N);
  const int64_t panels_size = aligned(matmul::packed_size<X>(grid.column_step, K));
  const int64_t tile_size = aligned(matmul::kBlockRows * grid.column_step);
  device.reserve_threads(panels_size + tile_size + matmul::left_scratch<X>(K));
  device.pool.run(grid.tiles, product_work(M, N, K), [&](int64_t tile, int thread) {
    const Range rows = grid.row(tile);
    const Range columns = grid.column(tile);
    float* panels = device.thread_scratch(thread);
    float* sums = panels + panels_size;
    float* left = sums + tile_size;
    pack(columns.begin, columns.size(), panels);
    for (int64_t row = rows.begin; row < rows.end; row += matmul::kBlockRows) {
      const int64_t m = std::min(matmul::kBlockRows, rows.end - row);
      matmul::multiply(m, columns.size(), K, a + row * K, K, panels, sums, grid.column_step, false, left);
      epilogue.write(m, columns.size(), row, columns.begin, sums, grid.column_step);
    }
  });
}

// db[n] += sum_m dy[m, n] in float64, in order of m.
template <typename X>
void add_column_sums(Device& device, const X* dy, float* db, int64_t M, int64_t N) {
  typedef double Wide __attribute__((vector_size(kLanes * sizeof(double))));
  constexpr int64_t kVectors = 4;
  constexpr int64_t kColumns = kVectors * kLanes;
  device.pool.run(ceil_div(N, kColumns), 2.0 * static_cast<double>(M) * static_cast<double>(N),
                  [&](int64_t tile, int) {
                    const Range columns = part(tile, kColumns, N);
                    Wide sums[kVectors] = {};
                    for (int64_t m = 0; m < M; ++m) {
                      const X* row = dy + m * N + columns.begin;
                      for (int64_t j = 0; j < kVectors; ++j) {
                        const int64_t lanes = std::clamp<int64_t>(columns.size() - j * kLanes, 0, kLanes);
                        if (lanes > 0)
                          sums[j] += __builtin_convertvector(load_n(row + j * kLanes, lanes), Wide);
                      }
                    }
                    for (int64_t n = 0; n < columns.size(); ++n) {
                      float& sum = db[columns.begin + n];
                      sum = static_cast<float>(static_cast<double>(sum) + sums[n / kLanes][n % kLanes]);
                    }
                  });
}

// dw[N,K] += dy[M,N]^T x[M,K], kTokens rows at a time: both operands are packed once, by all threads, and
// then shared by all tiles.
template <typename X>
void add_weight_gradients(Device& device, const X* dy, const X* x, float* dw, int64_t M, int64_t N,
                          int64_t K) {
  constexpr int64_t kTokens = 512 * matmul::kPerUnit<X>;
  // Columns that one task packs: whole register tiles high on the left, whole panels wide on the right.
  constexpr int64_t kHigh = 8 * matmul::kTileRows;
  constexpr int64_t kWide = 2 * matmul::kPanel;
  const int64_t high_strips = ceil_div(N, kHigh);
  const int64_t wide_strips = ceil_div(K, kWide);
  const int64_t deep = std::min(M, kTokens);
  const int64_t left_size = aligned(matmul::units<X>(deep) * N);
  float* left = device.reserve_shared(left_size + matmul::packed_size<X>(K, deep));
  float* right = left + left_size;
  const Grid grid(N, K, 1);
  for (int64_t first = 0; first < M; first += kTokens) {
    const int64_t m = std::min(kTokens, M - first);
    const int64_t depth = matmul::units<X>(m);
    device.pool.run(
        high_strips + wide_strips, 4.0 * static_cast<double>(m * (N + K)), [&](int64_t task, int) {
          if (task < high_strips) {
            const Range strip = part(task, kHigh, N);
            matmul::pack_left(strip.size(), m, dy + first * N + strip.begin, N, left + strip.begin * depth);
          } else {
            const Range strip = part(task - high_strips, kWide, K);
            matmul::pack_nn(strip.size(), m, x + first * K + strip.begin, K, right + strip.begin * depth);
          }
        });
    device.pool.run(grid.tiles, product_work(m, N, K), [&](int64_t tile, int) {
      const Range rows = grid.row(tile);
      const Range columns = grid.column(tile);
      // strip by strip of the left operand, each [unit][its columns]
      for (int64_t row = rows.begin; row < rows.end;) {
        const Range strip = part(row / kHigh, kHigh, N);
        const int64_t end = std::min(rows.end, strip.end);
        matmul::multiply_packed<X>(end - row, columns.size(), m,
                                   left + strip.begin * depth + row - strip.begin, strip.size(),
                                   right + columns.begin * depth, dw + row * K + columns.begin, K, true);
        row = end;
      }
    });
  }
}

template <typename X>
void forward(Device& device, const X* x, const X* w, int64_t M, int64_t N, int64_t K,
             const Epilogue<X>& epilogue) {
  product_with_epilogue<X>(
      device, M, N, K, x,
      [=](int64_t column, int64_t n, float* panels) { matmul::pack_nt(n, K, w + column * K, K, panels); },
      epilogue);
}

}  // namespace

void linear(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
            const outright_tensor* r, const outright_tensor* y, int64_t M, int64_t N, int64_t K) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("linear");
    check.sizes({{"M", M}, {"N", N}, {"K", K}});
    const X* from = check.input<X>(x, "x", {M, K});
    const X* weights = check.input<X>(w, "w", {N, K});
    Epilogue<X> epilogue;
    epilogue.b = check.optional_input<X>(b, "b", {N});
    epilogue.r = check.optional_input<X>(r, "r", {M, N});
    epilogue.y = check.in_place_of<X>("r", y, "y", {M, N});
    epilogue.ldy = N;
    check.separate();
    forward(device, from, weights, M, N, K, epilogue);
  });
}

void linear_gelu(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
                 const outright_tensor* u, const outright_tensor* y, int64_t M, int64_t N, int64_t K,
                 int32_t tanh) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("linear_gelu");
    check.sizes({{"M", M}, {"N", N}, {"K", K}});
    const X* from = check.input<X>(x, "x", {M, K});
    const X* weights = check.input<X>(w, "w", {N, K});
    Epilogue<X> epilogue;
    epilogue.b = check.optional_input<X>(b, "b", {N});
    epilogue.y = check.output<X>(u, "u", {M, N});
    epilogue.activated = check.output<X>(y, "y", {M, N});
    epilogue.ldy = N;
    epilogue.tanh = tanh != 0;
    check.separate();
    forward(device, from, weights, M, N, K, epilogue);
  });
}

void linear_backward_input(Device& device, const outright_tensor* dy, const outright_tensor* w,
                           const outright_tensor* dx, int64_t M, int64_t N, int64_t K, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("linear_backward_input");
    check.sizes({{"M", M}, {"N", N}, {"K", K}});
    const X* from = check.input<X>(dy, "dy", {M, N});
    const X* weights = check.input<X>(w, "w", {N, K});
    Epilogue<X> epilogue;
    epilogue.y = check.output<X>(dx, "dx", {M, K});
    epilogue.ldy = K;
    epilogue.accumulate = accumulate != 0;
    check.separate();
    product_with_epilogue<X>(
        device, M, K, N, from,
        [=](int64_t column, int64_t n, float* panels) { matmul::pack_nn(n, N, weights + column, K, panels); },
        epilogue);
  });
}

void linear_backward_weight(Device& device, const outright_tensor* dy, const outright_tensor* x,
                            const outright_tensor* dw, const outright_tensor* db, int64_t M, int64_t N,
                            int64_t K) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("linear_backward_weight");
    check.sizes({{"M", M}, {"N", N}, {"K", K}});
    const X* gradients = check.input<X>(dy, "dy", {M, N});
    const X* from = check.input<X>(x, "x", {M, K});
    float* DW = check.output(dw, "dw", {N, K});
    float* DB = check.optional_output(db, "db", {N});
    check.separate();

    add_weight_gradients(device, gradients, from, DW, M, N, K);
    if (DB) add_column_sums(device, gradients, DB, M, N);
  });
}

}  // namespace outright::cpu
