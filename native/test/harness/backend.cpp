#include "backend.h"

#include <dlfcn.h>

#include <cstring>

namespace outright::test {

Library::Library(const std::string& path) : path_(path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(std::string("cannot open the backend: ") + dlerror());
  void* symbol = dlsym(library, "outright_backend_get");
  if (!symbol) throw std::runtime_error(path + ": exports no outright_backend_get");
  decltype(&outright_backend_get) get = nullptr;
  std::memcpy(&get, &symbol, sizeof get);
  api_ = get();
  if (api_->abi_version != OUTRIGHT_ABI_VERSION || api_->table_bytes != static_cast<int32_t>(sizeof *api_)) {
    throw std::runtime_error(path + ": ABI version " + std::to_string(api_->abi_version) +
                             " with a table of " + std::to_string(api_->table_bytes) +
                             " bytes, expected version " + std::to_string(OUTRIGHT_ABI_VERSION) + " and " +
                             std::to_string(sizeof *api_));
  }
}

Device::Device(const outright_backend& api, int threads) : api_(api) {
  outright_open_options options{};
  options.threads = threads;
  const outright_status status = api_.open(&options, &device_);
  if (status == OUTRIGHT_UNSUPPORTED) throw Unsupported(api_.last_error(nullptr));
  if (status != OUTRIGHT_OK)
    throw std::runtime_error(std::string("cannot open a device: ") + api_.last_error(nullptr));
}

Device::~Device() { api_.close(device_); }

std::string Device::LastError() const {
  const char* text = api_.last_error(device_);
  return text ? text : "";
}

bool Device::OnHost() const { return std::strcmp(api_.kind, "cpu") == 0; }

const char* StatusName(outright_status status) {
  switch (status) {
    case OUTRIGHT_OK:
      return "OK";
    case OUTRIGHT_INVALID:
      return "INVALID";
    case OUTRIGHT_UNSUPPORTED:
      return "UNSUPPORTED";
    case OUTRIGHT_OUT_OF_MEMORY:
      return "OUT_OF_MEMORY";
    case OUTRIGHT_INTERNAL:
      return "INTERNAL";
    default:
      return "an unknown status";
  }
}

const char* DtypeName(int32_t dtype) {
  switch (dtype) {
    case OUTRIGHT_FLOAT32:
      return "float32";
    case OUTRIGHT_BFLOAT16:
      return "bfloat16";
    case OUTRIGHT_FLOAT16:
      return "float16";
    case OUTRIGHT_FLOAT64:
      return "float64";
    case OUTRIGHT_INT32:
      return "int32";
    case OUTRIGHT_INT16:
      return "int16";
    default:
      return "unknown";
  }
}

int64_t DtypeBytes(int32_t dtype) {
  switch (dtype) {
    case OUTRIGHT_BFLOAT16:
    case OUTRIGHT_FLOAT16:
    case OUTRIGHT_INT16:
      return 2;
    case OUTRIGHT_FLOAT64:
      return 8;
    default:
      return 4;
  }
}

}  // namespace outright::test
