// Between storage types.
#include <type_traits>

#include "operations.h"
#include "shared/check.h"
#include "tiles.h"

namespace outright::cpu {

void cast(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count) {
  with_storage(x, [&](auto from) {
    with_storage(y, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      Check check("cast");
      check.sizes({{"count", count}});
      const From* X = check.input<From>(x, "x", {count});
      To* Y = check.output<To>(y, "y", {count});
      check.separate();
      for_chunks(device, count, 2, [&](int64_t begin, int64_t end) {
        for_vectors(end - begin,
                    [&](int64_t i, int64_t n) { store_n(Y + begin + i, load_n(X + begin + i, n), n); });
      });
    });
  });
}

}  // namespace outright::cpu
