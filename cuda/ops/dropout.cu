// Dropout (Srivastava et al., 2014), scaled so that expectations stay; the bits are those of every backend.
#include <cmath>

#include "kernels/each.cuh"
#include "operations.h"
#include "shared/check.h"
#include "shared/random_bits.h"

namespace outright::cuda {

namespace {

template <typename X>
struct Dropout {
  const X* x;
  X* y;
  uint64_t key;
  uint32_t threshold;
  float factor;
  bool accumulate;
  template <int n>
  __device__ void at(int64_t i) const {
    const Floats<n> from = load<n>(x + i);
    Floats<n> to{};
    if (accumulate) to = load<n>(y + i);
#pragma unroll
    for (int k = 0; k < n; ++k)
      to.at[k] += random_bits(key, static_cast<uint64_t>(i + k)) >= threshold ? from.at[k] * factor : 0.0f;
    store<n>(y + i, to);
  }
};

}  // namespace

void dropout(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count, double p,
             uint64_t seed, int32_t accumulate) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("dropout");
    check.sizes({{"count", count}});
    if (!(p >= 0 && p < 1)) check.invalid("p is %g, outside [0, 1)", p);
    const X* from = check.input<X>(x, "x", {count});
    X* to = check.in_place<X>(y, "y", {count});
    check.separate();
    const auto threshold = static_cast<uint32_t>(std::floor(p * 0x1p32));
    const float factor = static_cast<float>(1.0 / (1.0 - p));
    for_each<X>(device, count, {from, to},
                Dropout<X>{from, to, mix_bits(seed), threshold, factor, accumulate != 0});
  });
}

}  // namespace outright::cuda
