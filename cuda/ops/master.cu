// Between float32 and the two halves that a trained bfloat16 weight is kept in.
#include "kernels/master.cuh"

#include "kernels/each.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

struct Split {
  const float* x;
  bfloat16* w;
  int16_t* low;
  template <int n>
  __device__ void at(int64_t i) const {
    const Pack<float, n> values = load_pack<n>(x + i);
    Pack<bfloat16, n> weights;
    Pack<int16_t, n> lows;
#pragma unroll
    for (int k = 0; k < n; ++k) split_halves(values.at[k], &weights.at[k], &lows.at[k]);
    store_pack<n>(w + i, weights);
    store_pack<n>(low + i, lows);
  }
};

struct Join {
  const bfloat16* w;
  const int16_t* low;
  float* x;
  template <int n>
  __device__ void at(int64_t i) const {
    const Pack<bfloat16, n> weights = load_pack<n>(w + i);
    const Pack<int16_t, n> lows = load_pack<n>(low + i);
    Pack<float, n> values;
#pragma unroll
    for (int k = 0; k < n; ++k) values.at[k] = join_halves(weights.at[k], lows.at[k]);
    store_pack<n>(x + i, values);
  }
};

}  // namespace

void split_master(Device& device, const outright_tensor* x, const outright_tensor* w,
                  const outright_tensor* low, int64_t count) {
  Check check("split_master");
  check.sizes({{"count", count}});
  const float* X = check.input(x, "x", {count});
  bfloat16* W = check.output<bfloat16>(w, "w", {count});
  int16_t* Low = check.output<int16_t>(low, "low", {count});
  check.separate();
  for_each<float>(device, count, {X, W, Low}, Split{X, W, Low});
}

void join_master(Device& device, const outright_tensor* w, const outright_tensor* low,
                 const outright_tensor* x, int64_t count) {
  Check check("join_master");
  check.sizes({{"count", count}});
  const bfloat16* W = check.input<bfloat16>(w, "w", {count});
  const int16_t* Low = check.input<int16_t>(low, "low", {count});
  float* X = check.output(x, "x", {count});
  check.separate();
  for_each<float>(device, count, {W, Low, X}, Join{W, Low, X});
}

}  // namespace outright::cuda
