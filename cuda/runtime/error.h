// What the CUDA runtime says when it says no.
#pragma once

#include <cuda_runtime.h>

#include "shared/failure.h"

namespace outright::cuda {

inline void expect(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // or the next launch would report it
  fail(OUTRIGHT_INTERNAL, "%s: CUDA says \"%s\"", what, cudaGetErrorString(error));
}

}  // namespace outright::cuda
