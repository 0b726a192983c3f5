// RMSNorm (Zhang and Sennrich, 2019) and LayerNorm (Ba et al., 2016) over the rows of x[T,D]: a block each.
#include "kernels/column_sums.cuh"
#include "kernels/each.cuh"
#include "kernels/reduce.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

constexpr int kNormThreads = 256;

// Calls body(d) for the packs of a row that are this thread's.
template <int n, typename Body>
__device__ inline void for_packs(int64_t D, Body body) {
  for (int64_t d = static_cast<int64_t>(threadIdx.x) * n; d < D; d += kNormThreads * n) body(d);
}

// y = (x - mean) rstd w + b; RMSNorm has neither mean nor b.
template <int n, typename X>
__global__ void __launch_bounds__(kNormThreads)
    norm_forward(const X* x, const X* w, const X* b, X* y, float* means, float* rstds, int64_t D, float eps) {
  const int64_t t = blockIdx.x;
  const X* row = x + t * D;
  float mean = 0.0f;
  if (means) {
    float sum = 0.0f;
    for_packs<n>(D, [&](int64_t d) {
      const Floats<n> values = load<n>(row + d);
      for (int k = 0; k < n; ++k) sum += values.at[k];
    });
    mean = block_sum(sum) / static_cast<float>(D);
  }
  float squares = 0.0f;
  for_packs<n>(D, [&](int64_t d) {
    const Floats<n> values = load<n>(row + d);
    for (int k = 0; k < n; ++k) squares += (values.at[k] - mean) * (values.at[k] - mean);
  });
  const float rstd = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(D) + eps);
  if (threadIdx.x == 0) {
    if (means) means[t] = mean;
    rstds[t] = rstd;
  }
  for_packs<n>(D, [&](int64_t d) {
    Floats<n> values = load<n>(row + d);
    const Floats<n> scale = load<n>(w + d);
    for (int k = 0; k < n; ++k) values.at[k] = (values.at[k] - mean) * rstd * scale.at[k];
    if (b) {
      const Floats<n> shift = load<n>(b + d);
      for (int k = 0; k < n; ++k) values.at[k] += shift.at[k];
    }
    store<n>(y + t * D + d, values);
  });
}

// dx (+)= rstd (a - mean(a) - xhat mean(a xhat)), a = dy w; RMSNorm leaves mean(a) out.
template <int n, typename X>
__global__ void __launch_bounds__(kNormThreads)
    norm_backward(const X* dy, const X* x, const X* w, const float* means, const float* rstds, X* dx,
                  int64_t D, bool accumulate) {
  const int64_t t = blockIdx.x;
  const float mean = means ? means[t] : 0.0f;
  const float rstd = rstds[t];
  float a_sum = 0.0f, a_xhat_sum = 0.0f;
  for_packs<n>(D, [&](int64_t d) {
    const Floats<n> gradients = load<n>(dy + t * D + d);
    const Floats<n> values = load<n>(x + t * D + d);
    const Floats<n> scale = load<n>(w + d);
    for (int k = 0; k < n; ++k) {
      const float a = gradients.at[k] * scale.at[k];
      a_sum += a;
      a_xhat_sum += a * ((values.at[k] - mean) * rstd);
    }
  });
  const float inverse = 1.0f / static_cast<float>(D);
  const float a_xhat = block_sum(a_xhat_sum) * inverse;
  const float a_mean = means ? block_sum(a_sum) * inverse : 0.0f;
  for_packs<n>(D, [&](int64_t d) {
    const Floats<n> gradients = load<n>(dy + t * D + d);
    const Floats<n> values = load<n>(x + t * D + d);
    const Floats<n> scale = load<n>(w + d);
    Floats<n> result{};
    if (accumulate) result = load<n>(dx + t * D + d);
    for (int k = 0; k < n; ++k)
      result.at[k] += (gradients.at[k] * scale.at[k] - a_mean - (values.at[k] - mean) * rstd * a_xhat) * rstd;
    store<n>(dx + t * D + d, result);
  });
}

// dw[d] += sum_t dy xhat, db[d] += sum_t dy
template <typename X>
struct ParameterGradients {
  static constexpr int kSums = 2;
  const X *dy, *x;
  const float *means, *rstds;
  int64_t D;
  __device__ void add(int64_t t, int64_t d, double* sums) const {
    const float gradient = widen(dy[t * D + d]);
    const float xhat = (widen(x[t * D + d]) - (means ? means[t] : 0.0f)) * rstds[t];
    sums[0] += static_cast<double>(gradient) * static_cast<double>(xhat);
    sums[1] += static_cast<double>(gradient);
  }
};

// Rows of one pack after the other where they are aligned, else number by number.
template <typename X>
bool in_packs(int64_t D, std::initializer_list<const void*> pointers) {
  return D % static_cast<int64_t>(16 / sizeof(X)) == 0 && elements_at_once<X>(pointers) > 1;
}

template <typename X>
void forward(Device& device, const X* x, const X* w, const X* b, X* y, float* mean, float* rstd, int64_t T,
             int64_t D, double eps) {
  constexpr int kPack = 16 / sizeof(X);
  const auto kernel = in_packs<X>(D, {x, w, b, y}) ? norm_forward<kPack, X> : norm_forward<1, X>;
  launch(device, {T, kNormThreads}, kernel, x, w, b, y, mean, rstd, D, static_cast<float>(eps));
}

template <typename X>
void backward(Device& device, const X* dy, const X* x, const X* w, const float* mean, const float* rstd,
              X* dx, float* dw, float* db, int64_t T, int64_t D, bool accumulate) {
  constexpr int kPack = 16 / sizeof(X);
  const auto kernel = in_packs<X>(D, {dy, x, w, dx}) ? norm_backward<kPack, X> : norm_backward<1, X>;
  launch(device, {T, kNormThreads}, kernel, dy, x, w, mean, rstd, dx, D, accumulate);
  if (dw || db)
    add_column_sums(device, ParameterGradients<X>{dy, x, mean, rstd, D}, SumTargets<2>{{dw, db}}, T, D);
}

}  // namespace

void rms_norm(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* y,
              const outright_tensor* rstd, int64_t T, int64_t D, double eps) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("rms_norm");
    check.sizes({{"T", T}, {"D", D}});
    const X* from = check.input<X>(x, "x", {T, D});
    const X* W = check.input<X>(w, "w", {D});
    X* Y = check.output<X>(y, "y", {T, D});
    float* RSTD = check.output(rstd, "rstd", {T});
    check.separate();
    forward<X>(device, from, W, nullptr, Y, nullptr, RSTD, T, D, eps);
  });
}

void rms_norm_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                       const outright_tensor* w, const outright_tensor* rstd, const outright_tensor* dx,
                       const outright_tensor* dw, int64_t T, int64_t D, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("rms_norm_backward");
    check.sizes({{"T", T}, {"D", D}});
    const X* DY = check.input<X>(dy, "dy", {T, D});
    const X* from = check.input<X>(x, "x", {T, D});
    const X* W = check.input<X>(w, "w", {D});
    const float* RSTD = check.input(rstd, "rstd", {T});
    X* DX = check.output<X>(dx, "dx", {T, D});
    float* DW = check.optional_output(dw, "dw", {D});
    check.separate();
    backward<X>(device, DY, from, W, nullptr, RSTD, DX, DW, nullptr, T, D, accumulate != 0);
  });
}

void layer_norm(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
                const outright_tensor* y, const outright_tensor* mean, const outright_tensor* rstd, int64_t T,
                int64_t D, double eps) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("layer_norm");
    check.sizes({{"T", T}, {"D", D}});
    const X* from = check.input<X>(x, "x", {T, D});
    const X* W = check.input<X>(w, "w", {D});
    const X* B = check.input<X>(b, "b", {D});
    X* Y = check.output<X>(y, "y", {T, D});
    float* MEAN = check.output(mean, "mean", {T});
    float* RSTD = check.output(rstd, "rstd", {T});
    check.separate();
    forward<X>(device, from, W, B, Y, MEAN, RSTD, T, D, eps);
  });
}

void layer_norm_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                         const outright_tensor* w, const outright_tensor* mean, const outright_tensor* rstd,
                         const outright_tensor* dx, const outright_tensor* dw, const outright_tensor* db,
                         int64_t T, int64_t D, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("layer_norm_backward");
    check.sizes({{"T", T}, {"D", D}});
    const X* DY = check.input<X>(dy, "dy", {T, D});
    const X* from = check.input<X>(x, "x", {T, D});
    const X* W = check.input<X>(w, "w", {D});
    const float* MEAN = check.input(mean, "mean", {T});
    const float* RSTD = check.input(rstd, "rstd", {T});
    X* DX = check.output<X>(dx, "dx", {T, D});
    float* DW = check.optional_output(dw, "dw", {D});
    float* DB = check.optional_output(db, "db", {D});
    check.separate();
    backward<X>(device, DY, from, W, MEAN, RSTD, DX, DW, DB, T, D, accumulate != 0);
  });
}

}  // namespace outright::cuda
