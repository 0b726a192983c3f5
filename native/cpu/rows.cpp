// Rows of a matrix by index: picks the tokens that carry loss, and puts their gradient back.
#include <algorithm>

#include "operations.h"
#include "scatter.h"
#include "shared/check.h"

namespace outright::cpu {

void gather_rows(Device& device, const outright_tensor* x, const outright_tensor* rows,
                 const outright_tensor* y, int64_t N, int64_t T, int64_t D) {
  with_storage(x, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("gather_rows");
    check.sizes({{"N", N}, {"T", T}, {"D", D}});
    const int32_t* ROWS = check.indices(rows, "rows", N, T);
    const Storage* X = check.input<Storage>(x, "x", {T, D});
    Storage* Y = check.output<Storage>(y, "y", {N, D});
    check.separate();
    gather(device, X, ROWS, Y, N, D);
  });
}

void gather_rows_backward(Device& device, const outright_tensor* dy, const outright_tensor* rows,
                          const outright_tensor* dx, int64_t N, int64_t T, int64_t D, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("gather_rows_backward");
    check.sizes({{"N", N}, {"T", T}, {"D", D}});
    const int32_t* ROWS = check.indices(rows, "rows", N, T);
    const Storage* DY = check.input<Storage>(dy, "dy", {N, D});
    Storage* DX = check.output<Storage>(dx, "dx", {T, D});
    check.separate();
    if (!accumulate) std::fill_n(DX, T * D, Storage{});
    scatter_add(device, DY, ROWS, DX, N, D);
  });
}

}  // namespace outright::cpu
