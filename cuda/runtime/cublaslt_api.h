// The part of cuBLASLt's C interface that is used, as its header declares it (stable since CUDA 11).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace outright::cuda::lt {

using Status = int;
inline constexpr Status kSuccess = 0, kInvalidValue = 7, kNotSupported = 15;

inline constexpr int kRealFloat32 = 0;    // CUDA_R_32F
inline constexpr int kRealBfloat16 = 14;  // CUDA_R_16BF
inline constexpr int kCompute32F = 68;    // CUBLAS_COMPUTE_32F: no TF32

inline constexpr int kDescTransA = 3;
inline constexpr int kDescTransB = 4;
inline constexpr int kDescEpilogue = 7;
inline constexpr int kDescBiasPointer = 8;
inline constexpr int kDescBiasDataType = 26;
inline constexpr int32_t kOpTranspose = 1;
inline constexpr int32_t kEpilogueBias = 4;

inline constexpr int kPrefMaxWorkspaceBytes = 1;
inline constexpr int kPrefReductionSchemeMask = 3;
inline constexpr int kPrefMinAlignmentA = 5;          // then B, C and D
inline constexpr uint32_t kReductionComputeType = 2;  // and none at all

struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  Status status;
  float waves;
  int reserved[4];
};

// clang-format off
using GetVersion = size_t (*)();
using Create = Status (*)(void** handle);
using Destroy = Status (*)(void* handle);
using DescCreate = Status (*)(void** desc, int compute, int scale);
using SetAttribute = Status (*)(void* object, int attribute, const void* value, size_t bytes);
using LayoutCreate = Status (*)(void** layout, int type, uint64_t rows, uint64_t columns, int64_t leading);
using PreferenceCreate = Status (*)(void** preference);
using GetHeuristic = Status (*)(void* handle, void* desc, void* a, void* b, void* c, void* d, void* preference,
                                int wanted, Heuristic* results, int* found);
using Matmul = Status (*)(void* handle, void* desc, const void* alpha, const void* a, void* a_layout, const void* b,
                          void* b_layout, const void* beta, const void* c, void* c_layout, void* d, void* d_layout,
                          const Algorithm* algorithm, void* workspace, size_t bytes, cudaStream_t stream);
// clang-format on

}  // namespace outright::cuda::lt
