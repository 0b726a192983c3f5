#include "device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "matmul.h"
#include "operations.h"

namespace outright::cpu {

float* Workspace::reserve(int64_t floats) {
  const int64_t bytes = aligned(std::max<int64_t>(floats, 1)) * static_cast<int64_t>(sizeof(float));
  if (bytes > bytes_) {
    release();
    data_ = static_cast<float*>(system_allocate(bytes));
    if (!data_)
      fail(OUTRIGHT_OUT_OF_MEMORY, "out of memory: asked for %lld bytes of workspace",
           static_cast<long long>(bytes));
    bytes_ = bytes;
  }
  return data_;
}

void Workspace::release() {
  system_release(data_);
  data_ = nullptr;
  bytes_ = 0;
}

namespace {

int choose_threads(const outright_open_options& options) {
  constexpr int kMost = 1024;
  if (options.threads < 0 || options.threads > kMost)
    fail(OUTRIGHT_INVALID, "threads must be between 0 (one per physical core) and %d, not %d", kMost,
         options.threads);
  return options.threads == 0 ? usable_cores() : options.threads;
}

// Processor name of /proc/cpuinfo, or the architecture.
std::string processor_name() {
  std::string name;
  if (std::FILE* file = std::fopen("/proc/cpuinfo", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, file)) {
      const char* colon = std::strchr(line, ':');
      if (!colon || (std::strncmp(line, "model name", 10) != 0 && std::strncmp(line, "Model", 5) != 0))
        continue;
      name = colon + 1;
      break;
    }
    std::fclose(file);
  }
  name.erase(0, name.find_first_not_of(" \t"));
  name.erase(name.find_last_not_of(" \t\n") + 1);
  return name.empty() ? "unnamed processor" : name;
}

}  // namespace

}  // namespace outright::cpu

outright_device::outright_device(const outright_open_options& options)
    : pool(outright::cpu::choose_threads(options)) {
  using namespace outright::cpu;
  per_thread_.resize(static_cast<size_t>(pool.threads()));

  matmul = outright::cpu::matmul::description();
  hardware = processor_name() + ", " + OUTRIGHT_INSTRUCTIONS;
}

void outright_device::reserve_threads(int64_t floats) {
  for (auto& workspace : per_thread_) workspace.reserve(floats);
}

int64_t outright_device::workspace_bytes() const {
  int64_t bytes = shared_.bytes();
  for (const auto& workspace : per_thread_) bytes += workspace.bytes();
  return bytes;
}

void outright_device::release_workspace() {
  shared_.release();
  for (auto& workspace : per_thread_) workspace.release();
}

namespace outright::cpu {

void device_info(Device& device, outright_device_info* info) {
  *info = {device.pool.threads(), device.matmul.c_str(), device.hardware.c_str()};
}

}  // namespace outright::cpu
