// Rows of a table by id, and the gradient that flows back into them.
#include <algorithm>

#include "operations.h"
#include "scatter.h"
#include "shared/check.h"

namespace outright::cpu {

void embedding(Device& device, const outright_tensor* ids, const outright_tensor* table,
               const outright_tensor* y, int64_t T, int64_t D, int64_t V) {
  with_storage(table, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("embedding");
    check.sizes({{"T", T}, {"D", D}, {"V", V}});
    const int32_t* IDS = check.indices(ids, "ids", T, V);
    const Storage* TABLE = check.input<Storage>(table, "table", {V, D});
    Storage* Y = check.output<Storage>(y, "y", {T, D});
    check.separate();
    gather(device, TABLE, IDS, Y, T, D);
  });
}

void embedding_backward(Device& device, const outright_tensor* ids, const outright_tensor* dy,
                        const outright_tensor* dtable, int64_t T, int64_t D, int64_t V) {
  with_storage(dy, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("embedding_backward");
    check.sizes({{"T", T}, {"D", D}, {"V", V}});
    const int32_t* IDS = check.indices(ids, "ids", T, V);
    const Storage* DY = check.input<Storage>(dy, "dy", {T, D});
    float* DTABLE = check.output(dtable, "dtable", {V, D});
    check.separate();
    scatter_add(device, DY, IDS, DTABLE, T, D);
  });
}

}  // namespace outright::cpu
