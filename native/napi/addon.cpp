// The addon's own surface: its version, the backends it sees, and how a device is opened.
#include <napi.h>

#include "backends.h"
#include "device.h"

namespace outright::napi {
namespace {

Napi::Value list_backends(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (const Backend& backend : backends()) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", backend.name);
    entry.Set("kind", backend.kind);
    entry.Set("path", backend.path);
    entry.Set("score", backend.score);
    entry.Set("reason", backend.reason);
    list.Set(list.Length(), entry);
  }
  return list;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  // One constructor for each environment, so that worker threads do not share it.
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(Device::define(env)));
  env.SetInstanceData(constructor);
  exports.Set("abiVersion", Napi::Number::New(env, OUTRIGHT_ABI_VERSION));
  exports.Set("backends", Napi::Function::New(env, list_backends, "backends"));
  exports.Set("openDevice",
              Napi::Function::New(
                  env,
                  [](const Napi::CallbackInfo& info) -> Napi::Value {
                    return info.Env().GetInstanceData<Napi::FunctionReference>()->New({info[0]});
                  },
                  "openDevice"));
  return exports;
}

}  // namespace

NODE_API_MODULE(outright, initialise)

}  // namespace outright::napi
