// Operations element by element. A body has `template <int n> __device__ void at(int64_t i) const`, which
// does elements i ... i + n - 1.
#pragma once

#include <initializer_list>

#include "number.cuh"
#include "runtime/launch.h"

namespace outright::cuda {

constexpr int kEachThreads = 256;

template <int n, typename Body>
__global__ void __launch_bounds__(kEachThreads) each(int64_t count, Body body) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kEachThreads + threadIdx.x) * n;
  if (i + n <= count) {
    body.template at<n>(i);
    return;
  }
  for (int64_t j = i; j < count; ++j) body.template at<1>(j);
}

// How many elements of X may be read at once: as many as 16 bytes hold where all pointers are aligned to
// that.
template <typename X>
int elements_at_once(std::initializer_list<const void*> pointers) {
  for (const void* pointer : pointers)
    if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) return 1;
  return static_cast<int>(16 / sizeof(X));
}

// `pointers` are those whose elements the body reads or writes by packs; none of their types is narrower than
// X.
template <typename X, typename Body>
void for_each(Device& device, int64_t count, std::initializer_list<const void*> pointers, const Body& body) {
  constexpr int kMost = static_cast<int>(16 / sizeof(X));
  if (elements_at_once<X>(pointers) == kMost)
    launch(device, {ceil_div(count, int64_t{kEachThreads} * kMost), kEachThreads}, each<kMost, Body>, count,
           body);
  else
    launch(device, {ceil_div(count, kEachThreads), kEachThreads}, each<1, Body>, count, body);
}

}  // namespace outright::cuda
