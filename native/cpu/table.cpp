// The table of the C ABI. Exceptions end here: each becomes a status and a line for last_error().
#include "entry.h"
#include "operations.h"
#include "shared/guard.h"

namespace outright::cpu {

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

}  // namespace

}  // namespace outright::cpu

using namespace outright;
using namespace outright::cpu;

extern "C" const outright_backend outright_cpu_table = {
    .abi_version = OUTRIGHT_ABI_VERSION,
    .table_bytes = sizeof(outright_backend),
    .name = "cpu-" OUTRIGHT_VARIANT,
    .kind = "cpu",
    .score = outright_cpu_score,
    .reason = outright_cpu_reason,
    .open = open,
    .close = close,
    .last_error = last_error,
    .info = Entry<device_info>::call,
    .alloc = Entry<allocate>::call,
    .alloc_lasting = Entry<allocate_lasting>::call,
    .free = Entry<release>::call,
    .memory = Entry<memory_stats>::call,
    .reset_peak = Entry<reset_peak>::call,
    .trim = Entry<trim>::call,
    .write = Entry<copy_in>::call,
    .read = Entry<copy_out>::call,
    .copy = Entry<copy>::call,
    .fill = Entry<fill>::call,
    .linear = Entry<linear>::call,
    .linear_backward_input = Entry<linear_backward_input>::call,
    .linear_backward_weight = Entry<linear_backward_weight>::call,
    .embedding = Entry<embedding>::call,
    .embedding_backward = Entry<embedding_backward>::call,
    .rms_norm = Entry<rms_norm>::call,
    .rms_norm_backward = Entry<rms_norm_backward>::call,
    .layer_norm = Entry<layer_norm>::call,
    .layer_norm_backward = Entry<layer_norm_backward>::call,
    .rotary = Entry<rotary>::call,
    .attention = Entry<attention>::call,
    .attention_backward = Entry<attention_backward>::call,
    .silu_gate = Entry<silu_gate>::call,
    .silu_gate_backward = Entry<silu_gate_backward>::call,
    .gelu = Entry<gelu>::call,
    .gelu_backward = Entry<gelu_backward>::call,
    .add = Entry<add>::call,
    .scale = Entry<scale>::call,
    .gather_rows = Entry<gather_rows>::call,
    .gather_rows_backward = Entry<gather_rows_backward>::call,
    .logprob_head = Entry<logprob_head>::call,
    .logprob_head_backward = Entry<logprob_head_backward>::call,
    .head_cache_count = Entry<head_cache_count>::call,
    .head_workspace_bytes = Entry<head_workspace_bytes>::call,
    .sft_nll = Entry<sft_nll>::call,
    .sequence_sums = Entry<sequence_sums>::call,
    .dpo_sigmoid = Entry<dpo_sigmoid>::call,
    .global_norm = Entry<global_norm>::call,
    .adamw = Entry<adamw>::call,
    .linear_gelu = Entry<linear_gelu>::call,
    .cast = Entry<cast>::call,
    .dropout = Entry<dropout>::call,
    .split_master = Entry<split_master>::call,
    .join_master = Entry<join_master>::call,
    .attention_cached = Entry<attention_cached>::call,
    .adamw_clipped = Entry<adamw_clipped>::call,
    .take_results = Entry<take_results>::call,
};
