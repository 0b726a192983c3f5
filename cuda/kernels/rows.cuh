// Rows picked from a matrix by index, and rows added back to it: shared by the embedding and the gather
// operations.
#pragma once

#include "divide.cuh"
#include "each.cuh"
#include "shared/row_order.h"

namespace outright::cuda {

// y[n, :] = x[rows[n], :]
template <typename X>
struct Gather {
  const X* x;
  const int32_t* rows;
  X* y;
  int64_t D;
  template <int n>
  __device__ void at(int64_t i) const {
    const auto [row, d] = divide(i, D);
    store_pack<n>(y + i, load_pack<n>(x + rows[row] * D + d));
  }
};

// to[row i, :] += the rows of dy that belong there, in order; i counts the distinct rows.
template <typename Y, typename X>
struct ScatterAdd {
  const Y* dy;
  const int32_t *order, *begins, *targets;
  X* to;
  int64_t D;
  template <int n>
  __device__ void at(int64_t i) const {
    const auto [row, d] = divide(i, D);
    X* here = to + targets[row] * D + d;
    Floats<n> sum = load<n>(here);
    for (int32_t k = begins[row]; k < begins[row + 1]; ++k) {
      const Floats<n> one = load<n>(dy + order[k] * D + d);
#pragma unroll
      for (int j = 0; j < n; ++j) sum.at[j] += one.at[j];
    }
    store<n>(here, sum);
  }
};

// Packs stay within a row where its length is a multiple of theirs.
template <typename X, typename Body>
void for_rows(Device& device, int64_t rows, int64_t D, std::initializer_list<const void*> pointers,
              const Body& body) {
  if (D % static_cast<int64_t>(16 / sizeof(X)) == 0)
    for_each<X>(device, rows * D, pointers, body);
  else
    launch(device, {ceil_div(rows * D, kEachThreads), kEachThreads}, each<1, Body>, rows * D, body);
}

template <typename X>
void gather(Device& device, const X* x, const int32_t* rows, X* y, int64_t N, int64_t D) {
  for_rows<X>(device, N, D, {x, y}, Gather<X>{x, rows, y, D});
}

// `rows` are the host's.
template <typename Y, typename X>
void scatter_add(Device& device, const Y* dy, const int32_t* rows, X* to, int64_t N, int64_t D) {
  const RowOrder by_row = order_rows(rows, N);
  std::vector<int32_t> order(by_row.order.begin(), by_row.order.end());
  std::vector<int32_t> begins(by_row.begins.begin(), by_row.begins.end());
  std::vector<int32_t> targets;
  for (size_t i = 0; i + 1 < begins.size(); ++i)
    targets.push_back(rows[order[static_cast<size_t>(begins[i])]]);
  const auto distinct = static_cast<int64_t>(targets.size());
  const Uploaded<int32_t> on_order(device, order.data(), N);
  const Uploaded<int32_t> on_begins(device, begins.data(), distinct + 1);
  const Uploaded<int32_t> on_targets(device, targets.data(), distinct);
  using Wider = std::conditional_t<(sizeof(Y) > sizeof(X)), Y, X>;
  for_rows<Wider>(device, distinct, D, {dy, to},
                  ScatterAdd<Y, X>{dy, on_order.data(), on_begins.data(), on_targets.data(), to, D});
}

}  // namespace outright::cuda
