// The linear layer and its two backward products.
#include "check.h"
#include "operations.h"
#include "tiles.h"
#include "vec.h"

namespace outright::cpu {

namespace {

double product_work(int64_t M, int64_t N, int64_t K) {
  return 2.0 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
}

// db[n] += sum_m dy[m, n] in float64, in order of m.
void add_column_sums(Device& device, const float* dy, float* db, int64_t M, int64_t N) {
  constexpr int64_t kColumns = 64;
  device.pool.run(ceil_div(N, kColumns), static_cast<double>(M) * static_cast<double>(N),
                  [&](int64_t tile, int) {
                    const Range columns = part(tile, kColumns, N);
                    double sums[kColumns] = {};
                    for (int64_t m = 0; m < M; ++m)
                      for (int64_t n = 0; n < columns.size(); ++n)
                        sums[n] += static_cast<double>(dy[m * N + columns.begin + n]);
                    for (int64_t n = 0; n < columns.size(); ++n) {
                      float& sum = db[columns.begin + n];
                      sum = static_cast<float>(static_cast<double>(sum) + sums[n]);
                    }
                  });
}

}  // namespace

void linear(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
            const outright_tensor* r, const outright_tensor* y, int64_t M, int64_t N, int64_t K) {
  Check check("linear");
  check.sizes({{"M", M}, {"N", N}, {"K", K}});
  const float* X = check.input(x, "x", {M, K});
  const float* W = check.input(w, "w", {N, K});
  const float* B = check.optional_input(b, "b", {N});
  const float* R = check.optional_input(r, "r", {M, N});
  float* Y = check.in_place(y, "y", {M, N});
  check.separate();

  const Product& product = *device.product;
  const Grid grid(M, N);
  device.reserve_threads(product.scratch(grid.column_step, K));
  device.pool.run(grid.tiles, product_work(M, N, K), [&](int64_t tile, int thread) {
    const Range rows = grid.row(tile);
    const Range columns = grid.column(tile);
    float* corner = Y + rows.begin * N + columns.begin;
    product.nt(rows.size(), columns.size(), K, X + rows.begin * K, K, W + columns.begin * K, K, corner, N,
               R == Y, device.thread_scratch(thread));
    if (B)
      for (int64_t m = 0; m < rows.size(); ++m)
        for (int64_t n = 0; n < columns.size(); ++n) corner[m * N + n] += B[columns.begin + n];
    if (R && R != Y)
      for (int64_t m = 0; m < rows.size(); ++m)
        for (int64_t n = 0; n < columns.size(); ++n)
          corner[m * N + n] += R[(rows.begin + m) * N + columns.begin + n];
  });
}

void linear_gelu(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
                 const outright_tensor* u, const outright_tensor* y, int64_t M, int64_t N, int64_t K,
                 int32_t tanh) {
  linear(device, x, w, b, nullptr, u, M, N, K);
  gelu(device, u, y, M * N, tanh);
}

void linear_backward_input(Device& device, const outright_tensor* dy, const outright_tensor* w,
                           const outright_tensor* dx, int64_t M, int64_t N, int64_t K, int32_t accumulate) {
  Check check("linear_backward_input");
  check.sizes({{"M", M}, {"N", N}, {"K", K}});
  const float* DY = check.input(dy, "dy", {M, N});
  const float* W = check.input(w, "w", {N, K});
  float* DX = check.output(dx, "dx", {M, K});
  check.separate();

  const Product& product = *device.product;
  const Grid grid(M, K);
  device.reserve_threads(product.scratch(grid.column_step, N));
  device.pool.run(grid.tiles, product_work(M, N, K), [&](int64_t tile, int thread) {
    const Range rows = grid.row(tile);
    const Range columns = grid.column(tile);
    product.nn(rows.size(), columns.size(), N, DY + rows.begin * N, N, W + columns.begin, K,
               DX + rows.begin * K + columns.begin, K, accumulate != 0, device.thread_scratch(thread));
  });
}

void linear_backward_weight(Device& device, const outright_tensor* dy, const outright_tensor* x,
                            const outright_tensor* dw, const outright_tensor* db, int64_t M, int64_t N,
                            int64_t K) {
  Check check("linear_backward_weight");
  check.sizes({{"M", M}, {"N", N}, {"K", K}});
  const float* DY = check.input(dy, "dy", {M, N});
  const float* X = check.input(x, "x", {M, K});
  float* DW = check.output(dw, "dw", {N, K});
  float* DB = check.optional_output(db, "db", {N});
  check.separate();

  if (DB) add_column_sums(device, DY, DB, M, N);
  const Product& product = *device.product;
  const Grid grid(N, K);
  device.reserve_threads(product.scratch(grid.column_step, M));
  device.pool.run(grid.tiles, product_work(M, N, K), [&](int64_t tile, int thread) {
    const Range rows = grid.row(tile);
    const Range columns = grid.column(tile);
    product.tn(rows.size(), columns.size(), M, DY + rows.begin, N, X + columns.begin, K,
               DW + rows.begin * K + columns.begin, K, true, device.thread_scratch(thread));
  });
}

}  // namespace outright::cpu
