// Opening, closing, and memory. The operations are in operations.cpp.
#include "device.h"

#include <atomic>

namespace outright::napi {
namespace {

void set(Napi::Object& object, const char* key, int64_t value) {
  object.Set(key, Napi::Number::New(object.Env(), static_cast<double>(value)));
}

void set(Napi::Object& object, const char* key, const std::string& value) {
  object.Set(key, Napi::String::New(object.Env(), value));
}

// "cuda:1" -> "cuda" and 1
std::string split_index(const std::string& wanted, int32_t& index) {
  index = 0;
  const size_t colon = wanted.find(':');
  if (colon == std::string::npos) return wanted;
  const std::string digits = wanted.substr(colon + 1);
  if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos)
    throw std::runtime_error("device \"" + wanted + "\": what follows the colon must be a number");
  index = std::stoi(digits);
  return wanted.substr(0, colon);
}

// No number names two buffers in a process, so a handle of another device, or of a freed buffer, is never
// mistaken.
uint64_t new_handle() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

Device::Device(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Device>(info) {
  const Napi::Env env = info.Env();
  Arguments arguments(info, buffers_, "openDevice");
  const Napi::Object options = arguments.object("options");
  const Napi::Value backend = options.Get("backend");
  const Napi::Value threads = options.Get("threads");
  if (!backend.IsString()) arguments.complain("backend", "must be a text");
  if (!threads.IsNumber()) arguments.complain("threads", "must be a number");

  outright_open_options open = {};
  open.threads = threads.As<Napi::Number>().Int32Value();
  if (open.threads < 0 || open.threads != threads.As<Napi::Number>().DoubleValue())
    arguments.complain("threads", "must be a whole number of at least 0");
  try {
    backend_ = &find_backend(split_index(backend.As<Napi::String>().Utf8Value(), open.device_index));
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
  if (backend_->table->open(&open, &device_) != OUTRIGHT_OK)
    throw Napi::Error::New(env, backend_->table->last_error(nullptr));
}

Device::~Device() { release(); }

void Device::release() {
  if (device_ == nullptr) return;
  backend_->table->close(device_);
  device_ = nullptr;
  buffers_.clear();
}

const outright_backend& Device::table(const Napi::Env& env) const {
  if (device_ == nullptr) throw Napi::Error::New(env, "this device was closed");
  return *backend_->table;
}

void Device::expect(const Napi::Env& env, outright_status status) const {
  if (status != OUTRIGHT_OK) throw Napi::Error::New(env, backend_->table->last_error(device_));
}

Napi::Value Device::info(const Napi::CallbackInfo& info) {
  outright_device_info described = {};
  expect(info.Env(), table(info.Env()).info(device_, &described));
  Napi::Object result = Napi::Object::New(info.Env());
  set(result, "backend", backend_->name);
  set(result, "kind", backend_->kind);
  set(result, "path", backend_->path);
  set(result, "threads", described.threads);
  set(result, "matmul", std::string(described.matmul));
  set(result, "hardware", std::string(described.hardware));
  return result;
}

Napi::Value Device::close(const Napi::CallbackInfo& info) {
  release();
  return info.Env().Undefined();
}

Napi::Value Device::alloc(const Napi::CallbackInfo& info) {
  return new_buffer(info, "alloc", table(info.Env()).alloc);
}

Napi::Value Device::allocLasting(const Napi::CallbackInfo& info) {
  return new_buffer(info, "allocLasting", table(info.Env()).alloc_lasting);
}

Napi::Value Device::new_buffer(const Napi::CallbackInfo& info, const char* name,
                               decltype(outright_backend::alloc) allocate) {
  Arguments arguments(info, buffers_, name);
  const int32_t dtype = arguments.dtype("dtype");
  const int64_t count = arguments.size("count");
  outright_tensor tensor = {};
  expect(info.Env(), allocate(device_, dtype, count, &tensor));
  const uint64_t handle = new_handle();
  buffers_.emplace(handle, tensor);
  return Napi::Number::New(info.Env(), static_cast<double>(handle));
}

Napi::Value Device::free(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  const outright_tensor tensor = *Arguments(info, buffers_, "free").tensor("handle");
  expect(info.Env(), functions.free(device_, &tensor));
  buffers_.erase(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

Napi::Value Device::memory(const Napi::CallbackInfo& info) {
  outright_memory_stats stats = {};
  expect(info.Env(), table(info.Env()).memory(device_, &stats));
  Napi::Object result = Napi::Object::New(info.Env());
  set(result, "liveBytes", stats.live_bytes);
  set(result, "peakBytes", stats.peak_bytes);
  set(result, "cachedBytes", stats.cached_bytes);
  set(result, "liveBuffers", stats.live_buffers);
  set(result, "workspaceBytes", stats.workspace_bytes);
  return result;
}

Napi::Value Device::reset_peak(const Napi::CallbackInfo& info) {
  expect(info.Env(), table(info.Env()).reset_peak(device_));
  return info.Env().Undefined();
}

Napi::Value Device::trim(const Napi::CallbackInfo& info) {
  expect(info.Env(), table(info.Env()).trim(device_));
  return info.Env().Undefined();
}

Napi::Value Device::write(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "write");
  const outright_tensor* tensor = arguments.tensor("handle");
  const int64_t offset = arguments.size("offset");
  const Napi::TypedArray source = arguments.host("source", tensor->dtype);
  const auto* bytes = static_cast<const uint8_t*>(source.ArrayBuffer().Data()) + source.ByteOffset();
  expect(info.Env(),
         functions.write(device_, tensor, offset, bytes, static_cast<int64_t>(source.ElementLength())));
  return info.Env().Undefined();
}

Napi::Value Device::read(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "read");
  const outright_tensor* tensor = arguments.tensor("handle");
  const int64_t offset = arguments.size("offset");
  const Napi::TypedArray target = arguments.host("target", tensor->dtype);
  auto* bytes = static_cast<uint8_t*>(target.ArrayBuffer().Data()) + target.ByteOffset();
  expect(info.Env(),
         functions.read(device_, tensor, offset, bytes, static_cast<int64_t>(target.ElementLength())));
  return info.Env().Undefined();
}

Napi::Value Device::copy(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "copy");
  const outright_tensor* target = arguments.tensor("target");
  const int64_t target_offset = arguments.size("targetOffset");
  const outright_tensor* source = arguments.tensor("source");
  const int64_t source_offset = arguments.size("sourceOffset");
  const int64_t count = arguments.size("count");
  expect(info.Env(), functions.copy(device_, target, target_offset, source, source_offset, count));
  return info.Env().Undefined();
}

Napi::Value Device::fill(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "fill");
  const outright_tensor* target = arguments.tensor("handle");
  expect(info.Env(), functions.fill(device_, target, arguments.number("value")));
  return info.Env().Undefined();
}

Napi::Function Device::define(Napi::Env env) {
  return DefineClass(env, "NativeDevice",
                     {
                         InstanceMethod<&Device::info>("info"),
                         InstanceMethod<&Device::close>("close"),
                         InstanceMethod<&Device::alloc>("alloc"),
                         InstanceMethod<&Device::allocLasting>("allocLasting"),
                         InstanceMethod<&Device::free>("free"),
                         InstanceMethod<&Device::memory>("memory"),
                         InstanceMethod<&Device::reset_peak>("resetPeak"),
                         InstanceMethod<&Device::trim>("trim"),
                         InstanceMethod<&Device::write>("write"),
                         InstanceMethod<&Device::read>("read"),
                         InstanceMethod<&Device::copy>("copy"),
                         InstanceMethod<&Device::fill>("fill"),
                         InstanceMethod<&Device::linear>("linear"),
                         InstanceMethod<&Device::linear_gelu>("linearGelu"),
                         InstanceMethod<&Device::linear_backward_input>("linearBackwardInput"),
                         InstanceMethod<&Device::linear_backward_weight>("linearBackwardWeight"),
                         InstanceMethod<&Device::embedding>("embedding"),
                         InstanceMethod<&Device::embedding_backward>("embeddingBackward"),
                         InstanceMethod<&Device::rms_norm>("rmsNorm"),
                         InstanceMethod<&Device::rms_norm_backward>("rmsNormBackward"),
                         InstanceMethod<&Device::layer_norm>("layerNorm"),
                         InstanceMethod<&Device::layer_norm_backward>("layerNormBackward"),
                         InstanceMethod<&Device::rotary>("rotary"),
                         InstanceMethod<&Device::attention>("attention"),
                         InstanceMethod<&Device::attention_backward>("attentionBackward"),
                         InstanceMethod<&Device::attention_cached>("attentionCached"),
                         InstanceMethod<&Device::silu_gate>("siluGate"),
                         InstanceMethod<&Device::silu_gate_backward>("siluGateBackward"),
                         InstanceMethod<&Device::gelu>("gelu"),
                         InstanceMethod<&Device::gelu_backward>("geluBackward"),
                         InstanceMethod<&Device::add>("add"),
                         InstanceMethod<&Device::scale>("scale"),
                         InstanceMethod<&Device::gather_rows>("gatherRows"),
                         InstanceMethod<&Device::gather_rows_backward>("gatherRowsBackward"),
                         InstanceMethod<&Device::logprob_head>("logprobHead"),
                         InstanceMethod<&Device::logprob_head_backward>("logprobHeadBackward"),
                         InstanceMethod<&Device::head_cache_count>("headCacheCount"),
                         InstanceMethod<&Device::head_workspace_bytes>("headWorkspaceBytes"),
                         InstanceMethod<&Device::sft_nll>("sftNll"),
                         InstanceMethod<&Device::sequence_sums>("sequenceSums"),
                         InstanceMethod<&Device::dpo_sigmoid>("dpoSigmoid"),
                         InstanceMethod<&Device::take_results>("takeResults"),
                         InstanceMethod<&Device::global_norm>("globalNorm"),
                         InstanceMethod<&Device::adamw>("adamW"),
                         InstanceMethod<&Device::adamw_clipped>("adamWClipped"),
                         InstanceMethod<&Device::cast>("cast"),
                         InstanceMethod<&Device::dropout>("dropout"),
                         InstanceMethod<&Device::split_master>("splitMaster"),
                         InstanceMethod<&Device::join_master>("joinMaster"),
                     });
}

}  // namespace outright::napi
