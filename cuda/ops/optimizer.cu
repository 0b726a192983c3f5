// The norm of all gradients and the AdamW update: all tensors in one launch.
#include <cmath>
#include <vector>

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
  double sum = 0;
  for (int64_t i = place.begin + threadIdx.x; i < end; i += kThreads) {
    const auto value = static_cast<double>(tensor.data[i]);
    sum += value * value;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(1024) root_of_sum(const double* partial, int64_t count, double* norm) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += partial[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *norm = sqrt(sum);
}

struct Weights {
  void* param;
  int16_t* low;  // nullptr: none
  const float* grad;
  float *m, *v;
  int64_t count;
  uint64_t key;  // of stochastic rounding
  bool is_bfloat16;
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

__global__ void __launch_bounds__(kThreads)
    update_all(const Weights* tensors, const int64_t* first, int64_t n, Update update) {
  const Place place = place_of(first, n, blockIdx.x);
  const Weights tensor = tensors[place.tensor];
  const int64_t end = place.begin + kChunk < tensor.count ? place.begin + kChunk : tensor.count;
  for (int64_t i = place.begin + threadIdx.x; i < end; i += kThreads) {
    float m = tensor.m[i], v = tensor.v[i];
    const float grad = tensor.grad[i];
    if (!tensor.is_bfloat16) {
      float* p = static_cast<float*>(tensor.param) + i;
      *p = update(*p, grad, &m, &v);
    } else {
      bfloat16* p = static_cast<bfloat16*>(tensor.param) + i;
      if (tensor.low)
        split_halves(update(join_halves(*p, tensor.low[i]), grad, &m, &v), p, tensor.low + i);
      else
        *p = round_by_chance(update(widen(*p), grad, &m, &v), tensor.key, i);
    }
    tensor.m[i] = m;
    tensor.v[i] = v;
  }
}

}  // namespace

void global_norm(Device& device, const outright_tensor* tensors, int64_t n, double* norm) {
  const Check check("global_norm");
  check.sizes({{"n", n}});
  check.host(tensors, "tensors", n);
  check.host(norm, "norm", 1);
  std::vector<Slice> slices;
  for (int64_t i = 0; i < n; ++i) {
    const float* data = Check("global_norm").input(&tensors[i], "a tensor", {tensors[i].count});
    slices.push_back({data, tensors[i].count});
  }
  const std::vector<int64_t> first = first_chunks(tensors, n);
  const int64_t chunks = first.back();
  const Uploaded<Slice> on_slices(device, slices.data(), n);
  const Uploaded<int64_t> on_first(device, first.data(), n + 1);
  const Scratch partial(device, (chunks + 1) * static_cast<int64_t>(sizeof(double)));
  double* result = partial.as<double>() + chunks;
  launch(device, {chunks, kThreads}, squares, on_slices.data(), on_first.data(), n, partial.as<double>());
  launch(device, {1, 1024}, root_of_sum, partial.as<double>(), chunks, result);
  device.staging->to_host(norm, result, static_cast<int64_t>(sizeof(double)));
}

void adamw(Device& device, const outright_tensor* params, const outright_tensor* lows,
           const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v, int64_t n,
           const outright_adamw_settings* settings) {
  check_adamw(params, lows, grads, m, v, n, settings);
  const uint64_t draw =
      mix_bits(mix_bits(settings->seed) + static_cast<uint64_t>(settings->step));  // of this step
  std::vector<Weights> list;
  for (int64_t i = 0; i < n; ++i) {
    list.push_back({params[i].data, lows && lows[i].count > 0 ? static_cast<int16_t*>(lows[i].data) : nullptr,
                    static_cast<const float*>(grads[i].data), static_cast<float*>(m[i].data),
                    static_cast<float*>(v[i].data), params[i].count,
                    mix_bits(draw + static_cast<uint64_t>(i)), params[i].dtype == OUTRIGHT_BFLOAT16});
  }
  const std::vector<int64_t> first = first_chunks(params, n);
  const Uploaded<Weights> on_list(device, list.data(), n);
  const Uploaded<int64_t> on_first(device, first.data(), n + 1);
  launch(device, {first.back(), kThreads}, update_all, on_list.data(), on_first.data(), n, Update(*settings));
}

}  // namespace outright::cuda
