// Attention on tensor cores (attention_tensor.cu, attention_backward_tensor.cu).
#pragma once

#include "kernels/attention.cuh"
#include "kernels/attention_tasks.h"

namespace outright::cuda {

// What attention.cu and attention_cached.cu ask for; bfloat16 only.
struct TensorAttention {
  AllHeads<const bfloat16> q, k, v;
  AllHeads<bfloat16> o;
  float* lse;  // or NULL, where nobody wants it
  int64_t H, group, C;
  float scale;
};

// Whether this device takes it for heads of C numbers: where OUTRIGHT_CUDA_ATTENTION is "tensor", and C at
// most 128.
bool takes_tensor_attention(int64_t C);

constexpr int64_t kTensorQueries = 64;  // of a task, at most
void tensor_attention(Device& device, const TensorAttention& attention,
                      const std::vector<AttentionTask>& tasks);

// What attention_backward.cu asks for.
struct TensorBackward {
  AllHeads<const bfloat16> q, k, v, dout;
  AllHeads<bfloat16> dq, dk, dv;
  const float *lse, *delta;  // [T, H]
  Sight sight;
  int64_t H, group, C;
  float scale;
  bool accumulate;
  const TileRows* rows = nullptr;  // filled in
};
void tensor_attention_backward(Device& device, TensorBackward in, const std::vector<Run>& runs);

}  // namespace outright::cuda
