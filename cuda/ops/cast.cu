// Between storage types.
#include "kernels/each.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

template <typename From, typename To>
struct Cast {
  const From* x;
  To* y;
  template <int n>
  __device__ void at(int64_t i) const {
    store<n>(y + i, load<n>(x + i));
  }
};

}  // namespace

void cast(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count) {
  with_storage(x, [&](auto from) {
    with_storage(y, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      Check check("cast");
      check.sizes({{"count", count}});
      const From* source = check.input<From>(x, "x", {count});
      To* target = check.output<To>(y, "y", {count});
      check.separate();
      // by as many as 16 bytes of the wider type hold
      using Wider = std::conditional_t<(sizeof(From) > sizeof(To)), From, To>;
      for_each<Wider>(device, count, {source, target}, Cast<From, To>{source, target});
    });
  });
}

}  // namespace outright::cuda
