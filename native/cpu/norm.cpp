// RMSNorm (Zhang and Sennrich, 2019) and LayerNorm (Ba et al., 2016) over the rows of x[T,D].
#include <cmath>

#include "operations.h"
#include "shared/check.h"
#include "tiles.h"

namespace outright::cpu {

namespace {

constexpr int64_t kRows = 16;  // of one tile

template <typename Body>
void for_rows(Device& device, int64_t T, int64_t D, const Body& body) {
  device.pool.run(ceil_div(T, kRows), 8.0 * static_cast<double>(T) * static_cast<double>(D),
                  [&](int64_t tile, int) {
                    const Range rows = part(tile, kRows, T);
                    for (int64_t t = rows.begin; t < rows.end; ++t) body(t);
                  });
}

// dw[d] += sum_t dy[t,d] (x[t,d] - mean[t]) rstd[t] and db[d] += sum_t dy[t,d], in float64 in order of t.
// Threads share the columns. Without a mean it is zero; without db no sum is kept.
template <typename Storage>
void add_parameter_gradients(Device& device, const Storage* dy, const Storage* x, const float* mean,
                             const float* rstd, float* dw, float* db, int64_t T, int64_t D) {
  if (!dw && !db) return;
  constexpr int64_t kColumns = 32;
  const auto wide = [](auto value) { return static_cast<double>(to_float(value)); };
  device.pool.run(ceil_div(D, kColumns), 8.0 * static_cast<double>(T) * static_cast<double>(D),
                  [&](int64_t tile, int) {
                    const Range columns = part(tile, kColumns, D);
                    double w_sums[kColumns] = {};
                    double b_sums[kColumns] = {};
                    for (int64_t t = 0; t < T; ++t) {
                      const float shift = mean ? mean[t] : 0.0f;
                      const float scale = rstd[t];
                      const Storage* dy_row = dy + t * D + columns.begin;
                      const Storage* x_row = x + t * D + columns.begin;
                      for (int64_t d = 0; d < columns.size(); ++d) {
                        w_sums[d] += wide(dy_row[d]) * wide((to_float(x_row[d]) - shift) * scale);
                        b_sums[d] += wide(dy_row[d]);
                      }
                    }
                    for (int64_t d = 0; d < columns.size(); ++d) {
                      if (dw)
                        dw[columns.begin + d] = static_cast<float>(wide(dw[columns.begin + d]) + w_sums[d]);
                      if (db)
                        db[columns.begin + d] = static_cast<float>(wide(db[columns.begin + d]) + b_sums[d]);
                    }
                  });
}

// dx (+)= rstd (a - mean(a) - xhat mean(a xhat)) for one row, a = dy w; RMSNorm leaves mean(a) out.
template <typename Storage>
void backward_row(const Storage* dy, const Storage* x, const Storage* w, float mean, float rstd, Storage* dx,
                  int64_t D, bool centred, bool accumulate) {
  const float inverse = 1.0f / static_cast<float>(D);
  const auto a = [&](int64_t d, int64_t n) { return load_n(dy + d, n) * load_n(w + d, n); };
  const auto xhat = [&](int64_t d, int64_t n) { return (load_n(x + d, n) - mean) * rstd; };
  // Beyond the row a is zero, and so is the product, as long as xhat is finite: cut it where it is not.
  const float a_xhat = row_sum(D,
                               [&](int64_t d, int64_t n) {
                                 const Vec product = a(d, n) * xhat(d, n);
                                 return n == kLanes ? product : select(first_lanes(n), product, Vec{});
                               }) *
                       inverse;
  const float a_mean = centred ? row_sum(D, a) * inverse : 0.0f;
  for_vectors(D, [&](int64_t d, int64_t n) {
    const Vec gradient = (a(d, n) - a_mean - xhat(d, n) * a_xhat) * rstd;
    store_n(dx + d, accumulate ? load_n(dx + d, n) + gradient : gradient, n);
  });
}

}  // namespace

void rms_norm(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* y,
              const outright_tensor* rstd, int64_t T, int64_t D, double eps) {
  with_storage(x, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("rms_norm");
    check.sizes({{"T", T}, {"D", D}});
    const Storage* X = check.input<Storage>(x, "x", {T, D});
    const Storage* W = check.input<Storage>(w, "w", {D});
    Storage* Y = check.output<Storage>(y, "y", {T, D});
    float* RSTD = check.output(rstd, "rstd", {T});
    check.separate();

    for_rows(device, T, D, [&](int64_t t) {
      const Storage* row = X + t * D;
      const float squares = row_sum(D, [&](int64_t d, int64_t n) {
        const Vec v = load_n(row + d, n);
        return v * v;
      });
      const float r =
          static_cast<float>(1.0 / std::sqrt(static_cast<double>(squares) / static_cast<double>(D) + eps));
      RSTD[t] = r;
      for_vectors(D, [&](int64_t d, int64_t n) {
        store_n(Y + t * D + d, load_n(row + d, n) * r * load_n(W + d, n), n);
      });
    });
  });
}

void rms_norm_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                       const outright_tensor* w, const outright_tensor* rstd, const outright_tensor* dx,
                       const outright_tensor* dw, int64_t T, int64_t D, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("rms_norm_backward");
    check.sizes({{"T", T}, {"D", D}});
    const Storage* DY = check.input<Storage>(dy, "dy", {T, D});
    const Storage* X = check.input<Storage>(x, "x", {T, D});
    const Storage* W = check.input<Storage>(w, "w", {D});
    const float* RSTD = check.input(rstd, "rstd", {T});
    Storage* DX = check.output<Storage>(dx, "dx", {T, D});
    float* DW = check.optional_output(dw, "dw", {D});
    check.separate();

    for_rows(device, T, D, [&](int64_t t) {
      backward_row(DY + t * D, X + t * D, W, 0.0f, RSTD[t], DX + t * D, D, false, accumulate != 0);
    });
    add_parameter_gradients(device, DY, X, nullptr, RSTD, DW, nullptr, T, D);
  });
}

void layer_norm(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
                const outright_tensor* y, const outright_tensor* mean, const outright_tensor* rstd, int64_t T,
                int64_t D, double eps) {
  with_storage(x, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("layer_norm");
    check.sizes({{"T", T}, {"D", D}});
    const Storage* X = check.input<Storage>(x, "x", {T, D});
    const Storage* W = check.input<Storage>(w, "w", {D});
    const Storage* B = check.input<Storage>(b, "b", {D});
    Storage* Y = check.output<Storage>(y, "y", {T, D});
    float* MEAN = check.output(mean, "mean", {T});
    float* RSTD = check.output(rstd, "rstd", {T});
    check.separate();

    for_rows(device, T, D, [&](int64_t t) {
      const Storage* row = X + t * D;
      const float m =
          row_sum(D, [&](int64_t d, int64_t n) { return load_n(row + d, n); }) / static_cast<float>(D);
      const float squares = row_sum(D, [&](int64_t d, int64_t n) {
        const Vec v = load_n(row + d, n) - m;
        return n == kLanes ? v * v : select(first_lanes(n), v * v, Vec{});
      });
      const float r =
          static_cast<float>(1.0 / std::sqrt(static_cast<double>(squares) / static_cast<double>(D) + eps));
      MEAN[t] = m;
      RSTD[t] = r;
      for_vectors(D, [&](int64_t d, int64_t n) {
        store_n(Y + t * D + d, (load_n(row + d, n) - m) * r * load_n(W + d, n) + load_n(B + d, n), n);
      });
    });
  });
}

void layer_norm_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                         const outright_tensor* w, const outright_tensor* mean, const outright_tensor* rstd,
                         const outright_tensor* dx, const outright_tensor* dw, const outright_tensor* db,
                         int64_t T, int64_t D, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("layer_norm_backward");
    check.sizes({{"T", T}, {"D", D}});
    const Storage* DY = check.input<Storage>(dy, "dy", {T, D});
    const Storage* X = check.input<Storage>(x, "x", {T, D});
    const Storage* W = check.input<Storage>(w, "w", {D});
    const float* MEAN = check.input(mean, "mean", {T});
    const float* RSTD = check.input(rstd, "rstd", {T});
    Storage* DX = check.output<Storage>(dx, "dx", {T, D});
    float* DW = check.optional_output(dw, "dw", {D});
    float* DB = check.optional_output(db, "db", {D});
    check.separate();

    for_rows(device, T, D, [&](int64_t t) {
      backward_row(DY + t * D, X + t * D, W, MEAN[t], RSTD[t], DX + t * D, D, true, accumulate != 0);
    });
    add_parameter_gradients(device, DY, X, MEAN, RSTD, DW, DB, T, D);
  });
}

}  // namespace outright::cpu
