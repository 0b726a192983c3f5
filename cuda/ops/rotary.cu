// Rotary position embedding (Su et al., 2021), half-split convention as in GPT-NeoX and Llama.
#include "kernels/divide.cuh"
#include "kernels/each.cuh"
#include "operations.h"
#include "shared/check.h"
#include "shared/rotary_shape.h"

namespace outright::cuda {

namespace {

template <typename X>
struct Rotary {
  const X* x;
  const float *cos, *sin;
  const int32_t* positions;
  X* y;
  int64_t slots, C, half, period, rotated;
  float sign;
  bool accumulate;

  template <int n>
  __device__ void put(int64_t at, Floats<n> values) const {
    if (accumulate) {
      const Floats<n> before = load<n>(y + at);
#pragma unroll
      for (int k = 0; k < n; ++k) values.at[k] += before.at[k];
    }
    store<n>(y + at, values);
  }

  // Element i of [T, slots, C]; those of the first half of a turned head take their partners along.
  template <int n>
  __device__ void at(int64_t i) const {
    const auto [head, c] = divide(i, C);
    const auto [t, slot] = divide(head, slots);
    if (divide(slot, period).rest >= rotated || c >= 2 * half) {
      put<n>(i, load<n>(x + i));
      return;
    }
    if (c >= half) return;
    const int64_t angle = positions[t] * half + c;
    const Floats<n> first = load<n>(x + i);
    const Floats<n> second = load<n>(x + i + half);
    const Floats<n> cosines = load<n>(cos + angle);
    const Floats<n> sines = load<n>(sin + angle);
    Floats<n> a, b;
#pragma unroll
    for (int k = 0; k < n; ++k) {
      const float s = sines.at[k] * sign;
      a.at[k] = first.at[k] * cosines.at[k] - second.at[k] * s;
      b.at[k] = second.at[k] * cosines.at[k] + first.at[k] * s;
    }
    put<n>(i, a);
    put<n>(i + half, b);
  }
};

}  // namespace

void rotary(Device& device, const outright_tensor* x, const outright_tensor* cos, const outright_tensor* sin,
            const outright_tensor* positions, const outright_tensor* y, int64_t T, int64_t slots, int64_t C,
            int64_t R, int64_t period, int64_t rotated, int64_t max_positions, int32_t inverse,
            int32_t accumulate) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("rotary", &device.mirror);
    check_rotary(check, T, slots, C, R, period, rotated, max_positions);
    const X* from = check.input<X>(x, "x", {T, slots, C});
    const float* COS = check.input(cos, "cos", {max_positions, R / 2});
    const float* SIN = check.input(sin, "sin", {max_positions, R / 2});
    check.indices(positions, "positions", T, max_positions);
    X* Y = accumulate ? check.output<X>(y, "y", {T, slots, C}) : check.in_place<X>(y, "y", {T, slots, C});
    check.separate();

    const Rotary<X> body{from,
                         COS,
                         SIN,
                         static_cast<const int32_t*>(positions->data),
                         Y,
                         slots,
                         C,
                         R / 2,
                         period,
                         rotated,
                         inverse ? -1.0f : 1.0f,
                         accumulate != 0};
    const int64_t count = T * slots * C;
    constexpr int64_t kPack = 16 / sizeof(X);
    if (C % kPack == 0 && R / 2 % kPack == 0)
      for_each<X>(device, count, {from, Y, COS, SIN}, body);
    else
      launch(device, {ceil_div(count, kEachThreads), kEachThreads}, each<1, Rotary<X>>, count, body);
  });
}

}  // namespace outright::cuda
