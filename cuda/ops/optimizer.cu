// The norm of all gradients and the AdamW update: all tensors in one launch.
#include <cmath>
#include <vector>

#include "kernels/each.cuh"
#include "kernels/master.cuh"
#include "kernels/reduce.cuh"
#include "operations.h"
#include "runtime/launch.h"
#include "shared/adamw_arguments.h"
#include "shared/check.h"
#include "shared/random_bits.h"

namespace outright::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int64_t kChunk = 4096;  // elements of one block
constexpr int kPack = 4;          // elements that a thread reads at once

// The tensor of a list that a block works on, and where in it. `first` are the numbers of the first chunks.
struct Place {
  int64_t tensor, begin;
};
__device__ inline Place place_of(const int64_t* first, int64_t n, int64_t chunk) {
  int64_t low = 0, high = n;  // the last tensor that begins at or before the chunk
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (first[middle] <= chunk)
      low = middle;
    else
      high = middle;
  }
  return {low, (chunk - first[low]) * kChunk};
}

// Numbers of the first chunks of all tensors, and behind them the number of all chunks.
std::vector<int64_t> first_chunks(const outright_tensor* tensors, int64_t n) {
  std::vector<int64_t> first{0};
  for (int64_t i = 0; i < n; ++i) first.push_back(first.back() + ceil_div(tensors[i].count, kChunk));
  return first;
}

struct Slice {
  const float* data;
  int64_t count;
};

__global__ void __launch_bounds__(kThreads)
    squares(const Slice* tensors, const int64_t* first, int64_t n, double* partial) {
  const Place place = place_of(first, n, blockIdx.x);
  const Slice tensor = tensors[place.tensor];
  const int64_t end = place.begin + kChunk < tensor.count ? place.begin + kChunk : tensor.count;
  const bool aligned = reinterpret_cast<uintptr_t>(tensor.data) % 16 == 0;
  double sum = 0;
  for (int64_t i = place.begin + threadIdx.x * kPack; i < end; i += kThreads * kPack) {
    const Floats<kPack> values = load_up_to<kPack>(tensor.data + i, end - i, aligned);
#pragma unroll
    for (int k = 0; k < kPack; ++k)
      sum += static_cast<double>(values.at[k]) * static_cast<double>(values.at[k]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// NaN where a loss is not finite, if that was asked.
__global__ void __launch_bounds__(1024)
    root_of_sum(const double* partial, int64_t count, const int32_t* not_finite, double* norm) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += partial[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *norm = not_finite && *not_finite != 0 ? NAN : sqrt(sum);
}

struct Weights {
  void* param;
  int16_t* low;  // nullptr: none
  const float* grad;
  float *m, *v;
  int64_t count;
  uint64_t key;  // of stochastic rounding
  bool is_bfloat16;
  bool aligned;  // all of them, to what a pack needs
};

struct Update : AdamWScalars {
  using AdamWScalars::AdamWScalars;

  // The new value of p; m and v are updated in place.
  __device__ float operator()(float p, float grad, float* m, float* v) const {
    const float g = grad * grad_scale;
    *m = *m * beta1 + g * rest1;
    *v = *v * beta2 + g * g * rest2;
    return p * keep - *m / (sqrtf(*v) / root_bias2 + eps) * step_size;
  }
};

// Up in magnitude with the probability of the distance from the bfloat16 below; infinity and NaN stay.
__device__ inline bfloat16 round_by_chance(float x, uint64_t key, int64_t index) {
  const uint32_t bits = __float_as_uint(x);
  if ((bits & 0x7fffffffu) >= 0x7f800000u) return narrow<bfloat16>(x);
  const uint32_t random = random_bits(key, static_cast<uint64_t>(index)) >> 16;
  return {static_cast<uint16_t>((bits + random) >> 16)};
}

// Elements i ... i + n - 1 of a tensor.
template <int n>
__device__ inline void update_pack(const Weights& tensor, int64_t i, const Update& update) {
  Floats<n> m = load<n>(tensor.m + i), v = load<n>(tensor.v + i);
  const Floats<n> grad = load<n>(tensor.grad + i);
  if (!tensor.is_bfloat16) {
    float* p = static_cast<float*>(tensor.param) + i;
    Floats<n> values = load<n>(p);
#pragma unroll
    for (int k = 0; k < n; ++k) values.at[k] = update(values.at[k], grad.at[k], &m.at[k], &v.at[k]);
    store<n>(p, values);
  } else {
    bfloat16* p = static_cast<bfloat16*>(tensor.param) + i;
    Pack<bfloat16, n> weights = load_pack<n>(p);
    if (tensor.low) {
      Pack<int16_t, n> lows = load_pack<n>(tensor.low + i);
#pragma unroll
      for (int k = 0; k < n; ++k)
        split_halves(update(join_halves(weights.at[k], lows.at[k]), grad.at[k], &m.at[k], &v.at[k]),
                     &weights.at[k], &lows.at[k]);
      store_pack<n>(tensor.low + i, lows);
    } else {
#pragma unroll
      for (int k = 0; k < n; ++k)
        weights.at[k] =
            round_by_chance(update(widen(weights.at[k]), grad.at[k], &m.at[k], &v.at[k]), tensor.key, i + k);
    }
    store_pack<n>(p, weights);
  }
  store<n>(tensor.m + i, m);
  store<n>(tensor.v + i, v);
}

// Gradients are scaled down to a norm of `clip` that the device knows; nullptr: they are not.
struct Clip {
  const double* norm = nullptr;
  double clip = 0, grad_scale = 1;
};

__global__ void __launch_bounds__(kThreads)
    update_all(const Weights* tensors, const int64_t* first, int64_t n, Update update, Clip clip) {
  if (clip.norm) {
    const double norm = *clip.norm;
    if (!(norm < HUGE_VAL)) return;  // nor is NaN
    double scale = clip.grad_scale;
    if (clip.clip > 0) scale *= fmin(1.0, clip.clip / (norm + 1e-6));
    update.grad_scale = static_cast<float>(scale);
  }
  const Place place = place_of(first, n, blockIdx.x);
  const Weights tensor = tensors[place.tensor];
  const int64_t end = place.begin + kChunk < tensor.count ? place.begin + kChunk : tensor.count;
  for (int64_t i = place.begin + threadIdx.x * kPack; i < end; i += kThreads * kPack) {
    if (tensor.aligned && i + kPack <= end) {
      update_pack<kPack>(tensor, i, update);
    } else {
      for (int64_t j = i; j < i + kPack && j < end; ++j) update_pack<1>(tensor, j, update);
    }
  }
}

// The norm of all elements, on the device.
class Norm {
 public:
  Norm(Device& device, const outright_tensor* tensors, int64_t n, const int32_t* not_finite = nullptr)
      : first_(first_chunks(tensors, n)),
        on_slices_(device, slices_of(tensors, n).data(), n),
        on_first_(device, first_.data(), n + 1),
        partial_(device, (chunks() + 1) * static_cast<int64_t>(sizeof(double))) {
    launch(device, {chunks(), kThreads}, squares, on_slices_.data(), on_first_.data(), n,
           partial_.as<double>());
    launch(device, {1, 1024}, root_of_sum, partial_.as<double>(), chunks(), not_finite, value());
  }
  double* value() const { return partial_.as<double>() + chunks(); }

 private:
  static std::vector<Slice> slices_of(const outright_tensor* tensors, int64_t n) {
    std::vector<Slice> slices;
    for (int64_t i = 0; i < n; ++i)
      slices.push_back({static_cast<const float*>(tensors[i].data), tensors[i].count});
    return slices;
  }
  int64_t chunks() const { return first_.back(); }

  std::vector<int64_t> first_;
  Uploaded<Slice> on_slices_;
  Uploaded<int64_t> on_first_;
  Scratch partial_;
};

void update(Device& device, const outright_tensor* params, const outright_tensor* lows,
            const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v, int64_t n,
            const outright_adamw_settings& settings, const Clip& clip) {
  const uint64_t draw =
      mix_bits(mix_bits(settings.seed) + static_cast<uint64_t>(settings.step));  // of this step
  std::vector<Weights> list;
  for (int64_t i = 0; i < n; ++i) {
    auto* const low = lows && lows[i].count > 0 ? static_cast<int16_t*>(lows[i].data) : nullptr;
    list.push_back({params[i].data, low, static_cast<const float*>(grads[i].data),
                    static_cast<float*>(m[i].data), static_cast<float*>(v[i].data), params[i].count,
                    mix_bits(draw + static_cast<uint64_t>(i)), params[i].dtype == OUTRIGHT_BFLOAT16,
                    elements_at_once<float>({params[i].data, low, grads[i].data, m[i].data, v[i].data}) > 1});
  }
  const std::vector<int64_t> first = first_chunks(params, n);
  const Uploaded<Weights> on_list(device, list.data(), n);
  const Uploaded<int64_t> on_first(device, first.data(), n + 1);
  launch(device, {first.back(), kThreads}, update_all, on_list.data(), on_first.data(), n, Update(settings),
         clip);
}

}  // namespace

void global_norm(Device& device, const outright_tensor* tensors, int64_t n, double* norm) {
  const Check check("global_norm");
  check.sizes({{"n", n}});
  check.host(tensors, "tensors", n);
  check.host(norm, "norm", 1);
  for (int64_t i = 0; i < n; ++i) Check("global_norm").input(&tensors[i], "a tensor", {tensors[i].count});
  const Norm result(device, tensors, n);
  device.staging->to_host(norm, result.value(), static_cast<int64_t>(sizeof(double)));
}

void adamw(Device& device, const outright_tensor* params, const outright_tensor* lows,
           const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v, int64_t n,
           const outright_adamw_settings* settings) {
  check_adamw(params, lows, grads, m, v, n, settings, "adamw");
  update(device, params, lows, grads, m, v, n, *settings, {});
}

void adamw_clipped(Device& device, const outright_tensor* params, const outright_tensor* lows,
                   const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v,
                   int64_t n, const outright_adamw_settings* settings, double clip, double* norm) {
  check_adamw(params, lows, grads, m, v, n, settings, "adamw_clipped");
  check_clip(clip, norm);
  const Norm result(device, grads, n, device.results->not_finite());
  device.staging->begin_to_host(result.value(), static_cast<int64_t>(sizeof(double)));
  update(device, params, lows, grads, m, v, n, *settings, {result.value(), clip, settings->grad_scale});
  device.staging->finish_to_host(norm, static_cast<int64_t>(sizeof(double)));
}

}  // namespace outright::cuda
