// Between float32 and the two halves that a trained bfloat16 weight is kept in.
#include "master.h"

#include "operations.h"
#include "shared/check.h"
#include "tiles.h"

namespace outright::cpu {

void split_master(Device& device, const outright_tensor* x, const outright_tensor* w,
                  const outright_tensor* low, int64_t count) {
  Check check("split_master");
  check.sizes({{"count", count}});
  const float* X = check.input(x, "x", {count});
  bfloat16* W = check.output<bfloat16>(w, "w", {count});
  int16_t* Low = check.output<int16_t>(low, "low", {count});
  check.separate();
  for_chunks(device, count, 3, [&](int64_t begin, int64_t end) {
    for_vectors(end - begin, [&](int64_t i, int64_t n) {
      store_master(W + begin + i, Low + begin + i, load_n(X + begin + i, n), n);
    });
  });
}

void join_master(Device& device, const outright_tensor* w, const outright_tensor* low,
                 const outright_tensor* x, int64_t count) {
  Check check("join_master");
  check.sizes({{"count", count}});
  const bfloat16* W = check.input<bfloat16>(w, "w", {count});
  const int16_t* Low = check.input<int16_t>(low, "low", {count});
  float* X = check.output(x, "x", {count});
  check.separate();
  for_chunks(device, count, 3, [&](int64_t begin, int64_t end) {
    for_vectors(end - begin, [&](int64_t i, int64_t n) {
      store_n(X + begin + i, load_master(W + begin + i, Low + begin + i, n), n);
    });
  });
}

}  // namespace outright::cpu
