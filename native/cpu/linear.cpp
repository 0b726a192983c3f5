// The linear layer and its two backward products.
#include <algorithm>

#include "gelu.h"
#include "matmul.h"
#include "operations.h"
#include "shared/check.h"
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
    constexpr int64_t kStep = kTogether * kLanes;
    const int64_t whole = n / kStep * kStep;
    for (int64_t i = 0; i < m; ++i) {
      const float* row = sums + i * lds;
      const int64_t at = (first_row + i) * ldy + first_column;
      for (int64_t j = 0; j < whole; j += kStep)
        write_vectors<kTogether>(row + j, at + j, first_column + j, kLanes);
      for_vectors(n - whole, [&](int64_t j, int64_t lanes) {
        write_vectors<1>(row + whole + j, at + whole + j, first_column + whole + j, lanes);
      });
    }
  }

 private:
  // Vectors that are worked on together, so that one does not wait for another.
  static constexpr int kTogether = 4;

  // `count` vectors; `lanes` of each, which are all where there are several.
  template <int count>
  void write_vectors(const float* sums, int64_t at, int64_t column, int64_t lanes) const {
    Vec values[count];
    const auto each = [&](const auto& change) {
#pragma GCC unroll 4
      for (int v = 0; v < count; ++v) change(values[v], v * kLanes);
    };
    each([&](Vec& value, int64_t j) { value = load_n(sums + j, lanes); });
    if (b) each([&](Vec& value, int64_t j) { value += load_n(b + column + j, lanes); });
    if (r) each([&](Vec& value, int64_t j) { value += load_n(r + at + j, lanes); });
    if (accumulate) each([&](Vec& value, int64_t j) { value += load_n(y + at + j, lanes); });
    if (activated) {
      // Rounded first, so that the result is that of the two operations one after the other.
      each([&](Vec& value, int64_t) { value = as_stored<X>(value); });
      Vec activations[count];
#pragma GCC unroll 4
      for (int v = 0; v < count; ++v) activations[v] = gelu_value<X>(values[v], tanh);
#pragma GCC unroll 4
      for (int v = 0; v < count; ++v) store_n(activated + at + v * kLanes, activations[v], lanes);
    }
    each([&](Vec& value, int64_t j) { store_n(y + at + j, value, lanes); });
  }
};

// Y[M,N] = A[M,K] B through an epilogue; pack(column, n, panels) packs n columns of B.
template <typename X, typename Pack>
void product_with_epilogue(Device& device, int64_t M, int64_t N, int64_t K, const X* a, const Pack& pack,
                           const Epilogue<X>& epilogue) {
  const Grid grid(M, N);
  const int64_t step = matmul::rows_to_read_at_once<X>(K);
  const int64_t panels_size = aligned(matmul::packed_size<X>(grid.column_step, K));
  const int64_t tile_size = aligned(step * grid.column_step);
  device.reserve_threads(panels_size + tile_size + matmul::left_scratch<X>(K));
  device.pool.run(grid.tiles, product_work(M, N, K), [&](int64_t tile, int thread) {
    const Range rows = grid.row(tile);
    const Range columns = grid.column(tile);
    float* panels = device.thread_scratch(thread);
    float* sums = panels + panels_size;
    float* left = sums + tile_size;
    pack(columns.begin, columns.size(), panels);
    for (int64_t row = rows.begin; row < rows.end; row += step) {
      const int64_t m = std::min(step, rows.end - row);
      matmul::multiply(m, columns.size(), K, a + row * K, K, panels, sums, grid.column_step, false, left);
      epilogue.write(m, columns.size(), row, columns.begin, sums, grid.column_step);
    }
  });
}

// Columns that one task sums up.
constexpr int64_t kSumVectors = 4;
constexpr int64_t kSumColumns = kSumVectors * kLanes;

// db[n] += sum_m dy[m, n] for some columns, in float64, in order of m.
template <typename X>
void add_column_sums(const X* dy, float* db, int64_t M, int64_t N, Range columns) {
  typedef double Wide __attribute__((vector_size(kLanes * sizeof(double))));
  Wide sums[kSumVectors] = {};
  for (int64_t m = 0; m < M; ++m) {
    const X* row = dy + m * N + columns.begin;
    for (int64_t j = 0; j < kSumVectors; ++j) {
      const int64_t lanes = std::clamp<int64_t>(columns.size() - j * kLanes, 0, kLanes);
      if (lanes > 0) sums[j] += __builtin_convertvector(load_n(row + j * kLanes, lanes), Wide);
    }
  }
  for (int64_t n = 0; n < columns.size(); ++n) {
    float& sum = db[columns.begin + n];
    sum = static_cast<float>(static_cast<double>(sum) + sums[n / kLanes][n % kLanes]);
  }
}

// Tokens over which one product of dw sums, so that what it reads stays in the second-level cache.
template <typename X>
constexpr int64_t kTokens = 512 * matmul::kPerUnit<X>;

// x[M,K] packed for the products of dw, kTokens rows after each other, columns [begin, end) of K.
template <typename X>
void pack_tokens(const X* x, int64_t M, int64_t K, Range columns, float* panels) {
  for (int64_t first = 0; first < M; first += kTokens<X>) {
    const int64_t m = std::min(kTokens<X>, M - first);
    matmul::pack_nn(columns.size(), m, x + first * K + columns.begin, K,
                    panels + matmul::packed_size<X>(K, first) + columns.begin * matmul::units<X>(m));
  }
}

// dw[N,K] += dy[M,N]^T x[M,K] and db[N] += the sums of dy's columns, if db is there. x is packed once and
// shared; dy is packed by the task that owns those rows of dw.
template <typename X>
void add_weight_gradients(Device& device, const X* dy, const X* x, float* dw, float* db, int64_t M, int64_t N,
                          int64_t K) {
  constexpr int64_t kTogether = 4 * kTokens<X>;     // bounds the packed x
  constexpr int64_t kWide = 2 * matmul::kPanel;     // columns of x that one task packs
  constexpr int64_t kColumns = 4 * matmul::kPanel;  // of dw that are worked on while dy stays in cache
  constexpr int64_t kEnoughTasks = 12;
  const int64_t strips = ceil_div(N, matmul::kTileRows);
  const int64_t rows_step = matmul::kTileRows * std::clamp<int64_t>(strips / kEnoughTasks, 1, 8);
  const int64_t left_size =
      aligned(matmul::packed_left_size(rows_step, matmul::units<X>(std::min(M, kTokens<X>))));
  device.reserve_threads(left_size);
  float* panels = device.reserve_shared(matmul::packed_size<X>(K, std::min(M, kTogether)));

  const int64_t packs = ceil_div(K, kWide);
  const int64_t sums = db ? ceil_div(N, kSumColumns) : 0;
  for (int64_t begin = 0; begin < M; begin += kTogether) {
    const int64_t count = std::min(kTogether, M - begin);
    const X* tokens = x + begin * K;
    const int64_t sums_now = begin == 0 ? sums : 0;
    device.pool.run(packs + sums_now, 4.0 * static_cast<double>(count * (N + K)), [&](int64_t task, int) {
      if (task < packs)
        pack_tokens(tokens, count, K, part(task, kWide, K), panels);
      else
        add_column_sums(dy, db, M, N, part(task - packs, kSumColumns, N));
    });
    device.pool.run(ceil_div(N, rows_step), product_work(count, N, K), [&](int64_t task, int thread) {
      const Range rows = part(task, rows_step, N);
      float* left = device.thread_scratch(thread);
      for (int64_t first = 0; first < count; first += kTokens<X>) {
        const int64_t m = std::min(kTokens<X>, count - first);
        const int64_t depth = matmul::units<X>(m);
        matmul::pack_left(rows.size(), m, dy + (begin + first) * N + rows.begin, N, left, depth);
        for (int64_t column = 0; column < K; column += kColumns)
          matmul::multiply_packed<X>(rows.size(), std::min(kColumns, K - column), m, left,
                                     panels + matmul::packed_size<X>(K, first) + column * depth,
                                     dw + rows.begin * K + column, K, true);
      }
    });
  }
}

// An operation of a product of few rows takes so much longer than one of many: weights are turned for it.
constexpr double kNarrowWork = 4.0;

// Y[M,N] = X[M,K] W[N,K]^T through an epilogue, for so few rows that nothing is packed.
template <typename X>
void narrow_product(Device& device, int64_t M, int64_t N, int64_t K, const X* x, const X* w,
                    const Epilogue<X>& epilogue) {
  const Grid grid(M, N);
  const int64_t tile_size = aligned(M * grid.column_step);
  device.reserve_threads(tile_size + matmul::narrow_scratch<X>(K));
  device.pool.run(grid.tiles, kNarrowWork * product_work(M, N, K), [&](int64_t tile, int thread) {
    const Range columns = grid.column(tile);
    float* sums = device.thread_scratch(thread);
    matmul::multiply_narrow(M, columns.size(), K, x, K, w + columns.begin * K, K, sums, grid.column_step,
                            sums + tile_size);
    epilogue.write(M, columns.size(), 0, columns.begin, sums, grid.column_step);
  });
}

template <typename X>
void forward(Device& device, const X* x, const X* w, int64_t M, int64_t N, int64_t K,
             const Epilogue<X>& epilogue) {
  if (M > 0 && M <= matmul::kNarrowRows) return narrow_product(device, M, N, K, x, w, epilogue);
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

    add_weight_gradients(device, gradients, from, DW, DB, M, N, K);
  });
}

}  // namespace outright::cpu
