// Rows by index.
#include "kernels/rows.cuh"

#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

void gather_rows(Device& device, const outright_tensor* x, const outright_tensor* rows,
                 const outright_tensor* y, int64_t N, int64_t T, int64_t D) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("gather_rows", &device.mirror);
    check.sizes({{"N", N}, {"T", T}, {"D", D}});
    check.indices(rows, "rows", N, T);
    const X* from = check.input<X>(x, "x", {T, D});
    X* Y = check.output<X>(y, "y", {N, D});
    check.separate();
    gather(device, from, static_cast<const int32_t*>(rows->data), Y, N, D);
  });
}

void gather_rows_backward(Device& device, const outright_tensor* dy, const outright_tensor* rows,
                          const outright_tensor* dx, int64_t N, int64_t T, int64_t D, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("gather_rows_backward", &device.mirror);
    check.sizes({{"N", N}, {"T", T}, {"D", D}});
    const int32_t* ROWS = check.indices(rows, "rows", N, T);
    const X* DY = check.input<X>(dy, "dy", {N, D});
    X* DX = check.output<X>(dx, "dx", {T, D});
    check.separate();
    if (!accumulate && T * D > 0)
      expect(cudaMemsetAsync(DX, 0, static_cast<size_t>(T * D) * sizeof(X), device.stream),
             "gather_rows_backward");
    scatter_add(device, DY, ROWS, DX, N, D);
  });
}

}  // namespace outright::cuda
