// Linear layers.
#include "kernels/activation.cuh"
#include "kernels/column_sums.cuh"
#include "kernels/gemm.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

// y = value + b + r, and its GELU where there is a place for it
template <typename X>
struct LinearEpilogue {
  const X *b, *r;
  X *y, *activated;
  int64_t N;
  bool tanh;
  __device__ void store(int64_t m, int64_t n, float value) const {
    if (b) value += widen(b[n]);
    if (r) value += widen(r[m * N + n]);
    const X stored = narrow<X>(value);
    y[m * N + n] = stored;
    if (activated) activated[m * N + n] = narrow<X>(gelu_value(widen(stored), tanh));
  }
};

template <typename X>
struct BiasGradient {
  static constexpr int kSums = 1;
  const X* dy;
  int64_t N;
  template <int n>
  __device__ void add(int64_t m, int64_t column, Floats<n>* sums) const {
    const Floats<n> values = load<n>(dy + m * N + column);
#pragma unroll
    for (int k = 0; k < n; ++k) sums[0].at[k] += values.at[k];
  }
};

}  // namespace

void linear(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
            const outright_tensor* r, const outright_tensor* y, int64_t M, int64_t N, int64_t K) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("linear");
    check.sizes({{"M", M}, {"N", N}, {"K", K}});
    const X* from = check.input<X>(x, "x", {M, K});
    const X* W = check.input<X>(w, "w", {N, K});
    const X* B = check.optional_input<X>(b, "b", {N});
    const X* R = check.optional_input<X>(r, "r", {M, N});
    X* Y = check.in_place_of<X>("r", y, "y", {M, N});
    check.separate();
    if (device.by_library({M, N, K, from, W, false, false, kDtype<X>, Y, R, kDtype<X>, B})) return;
    multiply(device, M, N, K, Strided<X>{from, K, 1}, Strided<X>{W, K, 1},
             LinearEpilogue<X>{B, R, Y, nullptr, N, false});
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
    const X* W = check.input<X>(w, "w", {N, K});
    const X* B = check.optional_input<X>(b, "b", {N});
    X* U = check.output<X>(u, "u", {M, N});
    X* Y = check.output<X>(y, "y", {M, N});
    check.separate();
    if (device.by_library({M, N, K, from, W, false, false, kDtype<X>, U, nullptr, kDtype<X>, B})) {
      gelu(device, u, y, M * N, tanh);
      return;
    }
    multiply(device, M, N, K, Strided<X>{from, K, 1}, Strided<X>{W, K, 1},
             LinearEpilogue<X>{B, nullptr, U, Y, N, tanh != 0});
  });
}

void linear_backward_input(Device& device, const outright_tensor* dy, const outright_tensor* w,
                           const outright_tensor* dx, int64_t M, int64_t N, int64_t K, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("linear_backward_input");
    check.sizes({{"M", M}, {"N", N}, {"K", K}});
    const X* DY = check.input<X>(dy, "dy", {M, N});
    const X* W = check.input<X>(w, "w", {N, K});
    X* DX = check.output<X>(dx, "dx", {M, K});
    check.separate();
    const X* before = accumulate ? DX : nullptr;
    if (device.by_library({M, K, N, DY, W, false, true, kDtype<X>, DX, before, kDtype<X>, nullptr})) return;
    multiply(device, M, K, N, Strided<X>{DY, N, 1}, Strided<X>{W, 1, K}, StoreSum<X>{DX, K, accumulate != 0});
  });
}

void linear_backward_weight(Device& device, const outright_tensor* dy, const outright_tensor* x,
                            const outright_tensor* dw, const outright_tensor* db, int64_t M, int64_t N,
                            int64_t K) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("linear_backward_weight");
    check.sizes({{"M", M}, {"N", N}, {"K", K}});
    const X* DY = check.input<X>(dy, "dy", {M, N});
    const X* from = check.input<X>(x, "x", {M, K});
    float* DW = check.output(dw, "dw", {N, K});
    float* DB = check.optional_output(db, "db", {N});
    check.separate();
    if (!device.by_library({N, K, M, DY, from, true, true, kDtype<X>, DW, DW, OUTRIGHT_FLOAT32, nullptr}))
      multiply(device, N, K, M, Strided<X>{DY, 1, N}, Strided<X>{from, 1, K}, StoreSum<float>{DW, K, true});
    if (DB) add_column_sums<X>(device, BiasGradient<X>{DY, N}, {DY}, SumTargets<1>{{DB}}, M, N);
  });
}

}  // namespace outright::cuda
