// Dropout (Srivastava et al., 2014), scaled so that expectations stay.
#include <cmath>

#include "counter_random.h"
#include "operations.h"
#include "shared/check.h"
#include "tiles.h"

namespace outright::cpu {

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
    const uint64_t key = mix_bits(seed);
    for_chunks(device, count, 8, [&](int64_t begin, int64_t end) {
      for_vectors(end - begin, [&](int64_t offset, int64_t n) {
        const int64_t i = begin + offset;
        const IntVec keep = (IntVec)(random_words(key, static_cast<uint64_t>(i)) >= threshold);
        const Vec value = select(keep, load_n(from + i, n) * factor, Vec{});
        store_n(to + i, accumulate ? load_n(to + i, n) + value : value, n);
      });
    });
  });
}

}  // namespace outright::cpu
