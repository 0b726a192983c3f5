// Rows of a table by id, and the gradient that flows back into them.
#include <algorithm>

#include "check.h"
#include "operations.h"
#include "scatter.h"

namespace outright::cpu {

void embedding(Device& device, const outright_tensor* ids, const outright_tensor* table,
               const outright_tensor* y, int64_t T, int64_t D, int64_t V) {
  Check check("embedding");
  check.sizes({{"T", T}, {"D", D}, {"V", V}});
  const int32_t* IDS = check.indices(ids, "ids", T, V);
  const float* TABLE = check.input(table, "table", {V, D});
  float* Y = check.output(y, "y", {T, D});
  check.separate();
  gather(device, TABLE, IDS, Y, T, D);
}

void embedding_backward(Device& device, const outright_tensor* ids, const outright_tensor* dy,
                        const outright_tensor* dtable, int64_t T, int64_t D, int64_t V) {
  Check check("embedding_backward");
  check.sizes({{"T", T}, {"D", D}, {"V", V}});
  const int32_t* IDS = check.indices(ids, "ids", T, V);
  const float* DY = check.input(dy, "dy", {T, D});
  float* DTABLE = check.output(dtable, "dtable", {V, D});
  check.separate();
  scatter_add(device, DY, IDS, DTABLE, T, D);
}

}  // namespace outright::cpu
