// Attention on tensor cores (attention_tensor.cu, attention_backward_tensor.cu).
#pragma once

#include <type_traits>
#include <vector>

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

// Whether this device takes it, forward and backward, for heads of C numbers: up to 256, where its blocks may
// have the shared memory.
bool takes_tensor_attention(const Device& device, int64_t C);
// Whether warpgroups multiply (kernels/tensor_warpgroup.cuh), not warps, for heads of C numbers: up to 128.
bool by_warpgroups(const Device& device, int64_t C);

// Calls body(std::integral_constant<int, kC>{}) with the width of tiles for heads of C numbers.
template <typename Body>
void with_tensor_width(int64_t C, const Body& body) {
  if (C <= 64)
    body(std::integral_constant<int, 64>{});
  else if (C <= 128)
    body(std::integral_constant<int, 128>{});
  else
    body(std::integral_constant<int, 256>{});
}

// Heads of more numbers would not leave two parts of 16 queries room in a warp's registers.
constexpr int64_t kWidestOfTwoParts = 128;

// Tasks of up to 128 queries, of which a warp reads keys and values once for 32, where most of them are
// filled, else of up to 64.
template <typename Run>
std::vector<AttentionTask> tensor_tasks(const std::vector<Run>& runs, int64_t C) {
  if (C <= kWidestOfTwoParts) {
    std::vector<AttentionTask> tasks = tasks_of(runs, 128);
    int64_t queries = 0;
    for (const AttentionTask& task : tasks) queries += task.count;
    if (queries >= 96 * static_cast<int64_t>(tasks.size())) return tasks;
  }
  return tasks_of(runs, 64);
}

void tensor_attention(Device& device, const TensorAttention& attention,
                      const std::vector<AttentionTask>& tasks);
// The same by warpgroups; tasks lie on the device, and `wide` says that some have more than 64 queries, none
// more than 128.
void warpgroup_attention(Device& device, const TensorAttention& attention, const AttentionTask* tasks,
                         int64_t count, bool wide);

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
// Whether a multiprocessor has room for two such blocks: a second one is worth more than a second buffer.
// Each takes 1 KiB more than it asks for, and one alone may have all but that.
inline bool two_blocks_fit(const Device& device, int64_t bytes) {
  return 2 * (bytes + 1024) <= device.shared_bytes + 1024;
}

// Shared memory that its blocks need at least.
int64_t tensor_backward_bytes(int64_t C);
int64_t query_gradients_bytes(int64_t C);
// Its part for dq; a block takes two tiles of queries where these are to go in pairs.
void tensor_query_gradients(Device& device, const TensorBackward& in, int64_t tiles, bool in_pairs,
                            const OnTiles& by_query);
void tensor_attention_backward(Device& device, TensorBackward in, const std::vector<Run>& runs);

}  // namespace outright::cuda
