// The library's way in and the table of the C ABI.
#include "ops/operations.h"
#include "runtime/error.h"
#include "runtime/probe.h"
#include "shared/guard.h"

#if !defined(OUTRIGHT_CUDA_NAME)
#define OUTRIGHT_CUDA_NAME "cuda"
#endif

namespace outright::cuda {

namespace {

outright_status open(const outright_open_options* options, outright_device** device) {
  if (!device) return OUTRIGHT_INVALID;
  *device = nullptr;
  return guarded(lost_error,
                 [&] { *device = new outright_device(options ? *options : outright_open_options{}); });
}

void close(outright_device* device) { delete device; }

const char* last_error(outright_device* device) {
  return device ? device->error.c_str() : lost_error.c_str();
}

// Threads may hold several devices in turn: each call says which one it means.
template <auto operation>
struct OnDevice;
template <typename... Arguments, void (*operation)(Device&, Arguments...)>
struct OnDevice<operation> {
  static void run(Device& device, Arguments... arguments) {
    expect(cudaSetDevice(device.index), "device");
    operation(device, arguments...);
  }
  static constexpr auto call = Entry<run>::call;
};

const outright_backend kTable = {
    .abi_version = OUTRIGHT_ABI_VERSION,
    .table_bytes = sizeof(outright_backend),
    .name = OUTRIGHT_CUDA_NAME,
    .kind = "cuda",
    .score = score,
    .reason = reason,
    .open = open,
    .close = close,
    .last_error = last_error,
    .info = OnDevice<device_info>::call,
    .alloc = OnDevice<allocate>::call,
    .alloc_lasting = OnDevice<allocate_lasting>::call,
    .free = OnDevice<release>::call,
    .memory = OnDevice<memory_stats>::call,
    .reset_peak = OnDevice<reset_peak>::call,
    .trim = OnDevice<trim>::call,
    .write = OnDevice<copy_in>::call,
    .read = OnDevice<copy_out>::call,
    .copy = OnDevice<copy>::call,
    .fill = OnDevice<fill>::call,
    .linear = OnDevice<linear>::call,
    .linear_backward_input = OnDevice<linear_backward_input>::call,
    .linear_backward_weight = OnDevice<linear_backward_weight>::call,
    .embedding = OnDevice<embedding>::call,
    .embedding_backward = OnDevice<embedding_backward>::call,
    .rms_norm = OnDevice<rms_norm>::call,
    .rms_norm_backward = OnDevice<rms_norm_backward>::call,
    .layer_norm = OnDevice<layer_norm>::call,
    .layer_norm_backward = OnDevice<layer_norm_backward>::call,
    .rotary = OnDevice<rotary>::call,
    .attention = OnDevice<attention>::call,
    .attention_backward = OnDevice<attention_backward>::call,
    .silu_gate = OnDevice<silu_gate>::call,
    .silu_gate_backward = OnDevice<silu_gate_backward>::call,
    .gelu = OnDevice<gelu>::call,
    .gelu_backward = OnDevice<gelu_backward>::call,
    .add = OnDevice<add>::call,
    .scale = OnDevice<scale>::call,
    .gather_rows = OnDevice<gather_rows>::call,
    .gather_rows_backward = OnDevice<gather_rows_backward>::call,
    .logprob_head = OnDevice<logprob_head>::call,
    .logprob_head_backward = OnDevice<logprob_head_backward>::call,
    .head_cache_count = OnDevice<head_cache_count>::call,
    .head_workspace_bytes = OnDevice<head_workspace_bytes>::call,
    .sft_nll = OnDevice<sft_nll>::call,
    .sequence_sums = OnDevice<sequence_sums>::call,
    .dpo_sigmoid = OnDevice<dpo_sigmoid>::call,
    .global_norm = OnDevice<global_norm>::call,
    .adamw = OnDevice<adamw>::call,
    .linear_gelu = OnDevice<linear_gelu>::call,
    .cast = OnDevice<cast>::call,
    .dropout = OnDevice<dropout>::call,
    .split_master = OnDevice<split_master>::call,
    .join_master = OnDevice<join_master>::call,
    .attention_cached = OnDevice<attention_cached>::call,
    .adamw_clipped = OnDevice<adamw_clipped>::call,
    .take_results = OnDevice<take_results>::call,
};

}  // namespace

}  // namespace outright::cuda

extern "C" const outright_backend* outright_backend_get(void) { return &outright::cuda::kTable; }
