// A device as JavaScript sees it: packages/tensor/src/native.ts says what each method means.
#pragma once

#include <napi.h>

#include "arguments.h"
#include "backends.h"

namespace outright::napi {

class Device : public Napi::ObjectWrap<Device> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Device(const Napi::CallbackInfo& info);
  ~Device() override;

 private:
  // device and memory
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value alloc(const Napi::CallbackInfo& info);
  Napi::Value allocLasting(const Napi::CallbackInfo& info);
  Napi::Value new_buffer(const Napi::CallbackInfo& info, const char* name,
                         decltype(outright_backend::alloc) allocate);
  Napi::Value free(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value reset_peak(const Napi::CallbackInfo& info);
  Napi::Value trim(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value copy(const Napi::CallbackInfo& info);
  Napi::Value fill(const Napi::CallbackInfo& info);
  // operations
  Napi::Value linear(const Napi::CallbackInfo& info);
  Napi::Value linear_gelu(const Napi::CallbackInfo& info);
  Napi::Value linear_backward_input(const Napi::CallbackInfo& info);
  Napi::Value linear_backward_weight(const Napi::CallbackInfo& info);
  Napi::Value embedding(const Napi::CallbackInfo& info);
  Napi::Value embedding_backward(const Napi::CallbackInfo& info);
  Napi::Value rms_norm(const Napi::CallbackInfo& info);
  Napi::Value rms_norm_backward(const Napi::CallbackInfo& info);
  Napi::Value layer_norm(const Napi::CallbackInfo& info);
  Napi::Value layer_norm_backward(const Napi::CallbackInfo& info);
  Napi::Value rotary(const Napi::CallbackInfo& info);
  Napi::Value attention(const Napi::CallbackInfo& info);
  Napi::Value attention_backward(const Napi::CallbackInfo& info);
  Napi::Value attention_cached(const Napi::CallbackInfo& info);
  Napi::Value silu_gate(const Napi::CallbackInfo& info);
  Napi::Value silu_gate_backward(const Napi::CallbackInfo& info);
  Napi::Value gelu(const Napi::CallbackInfo& info);
  Napi::Value gelu_backward(const Napi::CallbackInfo& info);
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value scale(const Napi::CallbackInfo& info);
  Napi::Value gather_rows(const Napi::CallbackInfo& info);
  Napi::Value gather_rows_backward(const Napi::CallbackInfo& info);
  Napi::Value logprob_head(const Napi::CallbackInfo& info);
  Napi::Value logprob_head_backward(const Napi::CallbackInfo& info);
  Napi::Value head_cache_count(const Napi::CallbackInfo& info);
  Napi::Value head_workspace_bytes(const Napi::CallbackInfo& info);
  Napi::Value sft_nll(const Napi::CallbackInfo& info);
  Napi::Value sequence_sums(const Napi::CallbackInfo& info);
  Napi::Value dpo_sigmoid(const Napi::CallbackInfo& info);
  Napi::Value take_results(const Napi::CallbackInfo& info);
  Napi::Value global_norm(const Napi::CallbackInfo& info);
  Napi::Value adamw(const Napi::CallbackInfo& info);
  Napi::Value adamw_clipped(const Napi::CallbackInfo& info);
  Napi::Value cast(const Napi::CallbackInfo& info);
  Napi::Value dropout(const Napi::CallbackInfo& info);
  Napi::Value split_master(const Napi::CallbackInfo& info);
  Napi::Value join_master(const Napi::CallbackInfo& info);

  // The backend's functions; throws when the device was closed.
  const outright_backend& table(const Napi::Env& env) const;
  // Throws the backend's own words when a call failed.
  void expect(const Napi::Env& env, outright_status status) const;
  void release();

  const Backend* backend_ = nullptr;
  outright_device* device_ = nullptr;
  Buffers buffers_;
};

}  // namespace outright::napi
