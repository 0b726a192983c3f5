// Token embeddings.
#include "kernels/rows.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

void embedding(Device& device, const outright_tensor* ids, const outright_tensor* table,
               const outright_tensor* y, int64_t T, int64_t D, int64_t V) {
  with_storage(table, [&](auto storage) {
    using X = decltype(storage);
    Check check("embedding", &device.mirror);
    check.sizes({{"T", T}, {"D", D}, {"V", V}});
    check.indices(ids, "ids", T, V);
    const X* TABLE = check.input<X>(table, "table", {V, D});
    X* Y = check.output<X>(y, "y", {T, D});
    check.separate();
    gather(device, TABLE, static_cast<const int32_t*>(ids->data), Y, T, D);
  });
}

void embedding_backward(Device& device, const outright_tensor* ids, const outright_tensor* dy,
                        const outright_tensor* dtable, int64_t T, int64_t D, int64_t V) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("embedding_backward", &device.mirror);
    check.sizes({{"T", T}, {"D", D}, {"V", V}});
    const int32_t* IDS = check.indices(ids, "ids", T, V);
    const X* DY = check.input<X>(dy, "dy", {T, D});
    float* DTABLE = check.output(dtable, "dtable", {V, D});
    check.separate();
    scatter_add(device, DY, IDS, DTABLE, T, D);
  });
}

}  // namespace outright::cuda
