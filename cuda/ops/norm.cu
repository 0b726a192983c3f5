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
  template <int n>
  __device__ void add(int64_t t, int64_t d, Floats<n>* sums) const {
    const Floats<n> gradients = load<n>(dy + t * D + d), values = load<n>(x + t * D + d);
    const float mean = means ? means[t] : 0.0f, rstd = rstds[t];
#pragma unroll
    for (int k = 0; k < n; ++k) {
      sums[0].at[k] += gradients.at[k] * ((values.at[k] - mean) * rstd);
      sums[1].at[k] += gradients.at[k];
    }
  }
};

// norm_backward and the sums of ParameterGradients at once, for rows of up to kPacks packs a thread: a block
// goes through the rows of a chunk, has each in registers and so reads it once. partial[chunk, kSums, D],
// with one sum for RMSNorm and two for LayerNorm.
template <int n, int kPacks, int kSums, typename X>
__global__ void __launch_bounds__(kNormThreads)
    norm_backward_with_sums(const X* dy, const X* x, const X* w, const float* means, const float* rstds,
                            X* dx, float* partial, int64_t T, int64_t D, int64_t rows, bool accumulate) {
  const int64_t chunk = blockIdx.x;
  const int64_t last = (chunk + 1) * rows < T ? (chunk + 1) * rows : T;
  const float inverse = 1.0f / static_cast<float>(D);
  const auto column = [](int p) { return (static_cast<int64_t>(p) * kNormThreads + threadIdx.x) * n; };
  Floats<n> scale[kPacks] = {}, sums[kSums][kPacks] = {};
#pragma unroll
  for (int p = 0; p < kPacks; ++p)
    if (column(p) < D) scale[p] = load<n>(w + column(p));
  for (int64_t t = chunk * rows; t < last; ++t) {
    const float mean = kSums == 2 ? means[t] : 0.0f, rstd = rstds[t];
    Floats<n> a[kPacks] = {}, xhat[kPacks] = {};  // dy w, and x normalised
    float a_sum = 0.0f, a_xhat_sum = 0.0f;
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      if (column(p) >= D) continue;
      a[p] = load<n>(dy + t * D + column(p));
      xhat[p] = load<n>(x + t * D + column(p));
#pragma unroll
      for (int k = 0; k < n; ++k) {
        const float gradient = a[p].at[k];
        float& value = xhat[p].at[k];
        value = (value - mean) * rstd;
        sums[0][p].at[k] += gradient * value;
        if constexpr (kSums == 2) sums[1][p].at[k] += gradient;
        a[p].at[k] = gradient * scale[p].at[k];
        a_sum += a[p].at[k];
        a_xhat_sum += a[p].at[k] * value;
      }
    }
    const float a_xhat = block_sum(a_xhat_sum) * inverse;
    const float a_mean = kSums == 2 ? block_sum(a_sum) * inverse : 0.0f;
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      if (column(p) >= D) continue;
      Floats<n> result{};
      if (accumulate) result = load<n>(dx + t * D + column(p));
#pragma unroll
      for (int k = 0; k < n; ++k) result.at[k] += (a[p].at[k] - a_mean - xhat[p].at[k] * a_xhat) * rstd;
      store<n>(dx + t * D + column(p), result);
    }
  }
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    if (column(p) >= D) continue;
#pragma unroll
    for (int s = 0; s < kSums; ++s) store<n>(partial + (chunk * kSums + s) * D + column(p), sums[s][p]);
  }
}

// The same for all T rows, and the sums of its chunks.
template <int kSums, typename X>
void backward_with_sums(Device& device, const X* dy, const X* x, const X* w, const float* mean,
                        const float* rstd, X* dx, const SumTargets<kSums>& targets, int64_t T, int64_t D,
                        bool accumulate) {
  constexpr int kPack = 16 / sizeof(X);
  // so many blocks that they fill a GPU, of so few rows that float32 sums stay exact enough
  const int64_t rows = std::clamp<int64_t>(ceil_div(T, 512), 1, 32);
  const int64_t chunks = ceil_div(T, rows);
  const Scratch partial(device, chunks * kSums * D * static_cast<int64_t>(sizeof(float)));
  const auto kernel = D <= kPack * kNormThreads       ? norm_backward_with_sums<kPack, 1, kSums, X>
                      : D <= 2 * kPack * kNormThreads ? norm_backward_with_sums<kPack, 2, kSums, X>
                                                      : norm_backward_with_sums<kPack, 4, kSums, X>;
  launch(device, {chunks, kNormThreads}, kernel, dy, x, w, mean, rstd, dx, partial.as<float>(), T, D, rows,
         accumulate);
  add_chunks<kSums>(device, partial.as<float>(), targets, D, chunks);
}

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
  const bool packed = in_packs<X>(D, {dy, x, w, dx});
  if ((dw || db) && packed && D <= 4 * kPack * kNormThreads && T > 0) {
    if (mean)
      backward_with_sums<2>(device, dy, x, w, mean, rstd, dx, SumTargets<2>{{dw, db}}, T, D, accumulate);
    else
      backward_with_sums<1>(device, dy, x, w, mean, rstd, dx, SumTargets<1>{{dw}}, T, D, accumulate);
    return;
  }
  const auto kernel = packed ? norm_backward<kPack, X> : norm_backward<1, X>;
  launch(device, {T, kNormThreads}, kernel, dy, x, w, mean, rstd, dx, D, accumulate);
  if (dw || db)
    add_column_sums<X>(device, ParameterGradients<X>{dy, x, mean, rstd, D}, {dy, x}, SumTargets<2>{{dw, db}},
                       T, D);
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
