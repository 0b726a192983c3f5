#include "device.h"

#include <cstdlib>

#include "error.h"
#include "ops/operations.h"
#include "probe.h"

namespace outright::cuda {

namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

bool asks_for(const char* variable, const char* value) {
  const char* wanted = std::getenv(variable);
  return wanted && std::string(wanted) == value;
}

// What OUTRIGHT_CUDA_ATTENTION asks for.
AttentionWay attention_way(const cudaDeviceProp& gpu) {
  const char* wanted = std::getenv("OUTRIGHT_CUDA_ATTENTION");
  const std::string way = wanted ? wanted : "";
  if (way.empty() || way == "warp") return AttentionWay::kByWarps;
  if (way == "plain") return AttentionWay::kPlain;
  if (way != "warpgroup")
    fail(OUTRIGHT_INVALID, "OUTRIGHT_CUDA_ATTENTION is \"%s\"; it may be plain, warp or warpgroup", wanted);
#if defined(OUTRIGHT_CUDA_WARPGROUPS)
  if (gpu.major == 9) return AttentionWay::kByWarpgroups;
#endif
  fail(OUTRIGHT_INVALID,
       "OUTRIGHT_CUDA_ATTENTION is \"warpgroup\", which takes a GPU of compute capability 9.0, not %d.%d, "
       "and a backend built for 90a",
       gpu.major, gpu.minor);
}

const char* name_of(AttentionWay way) {
  switch (way) {
    case AttentionWay::kPlain:
      return "without tensor cores";
    case AttentionWay::kByWarps:
      return "by warps";
    case AttentionWay::kByWarpgroups:
      return "by warpgroups";
  }
  return "";
}

// For memory checkers, and slow.
bool exact_memory() { return asks_for("OUTRIGHT_CUDA_MEMORY", "exact"); }

}  // namespace

}  // namespace outright::cuda

outright_device::outright_device(const outright_open_options& options)
    : index(options.device_index), allocator(outright::cuda::exact_memory()) {
  using namespace outright;
  using namespace outright::cuda;
  const std::string obstacle = obstacle_to(index);
  if (!obstacle.empty()) fail(OUTRIGHT_INVALID, "%s", obstacle.c_str());
  expect(cudaSetDevice(index), "open");
  cudaDeviceProp properties{};
  expect(cudaGetDeviceProperties(&properties, index), "open");
  expect(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "open");
  owned_stream.reset(stream);
  staging = std::make_unique<Staging>(stream);
  results = std::make_unique<Results>(stream);
  shared_bytes = static_cast<int64_t>(properties.sharedMemPerBlockOptin);
  attention = attention_way(properties);
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  std::string why = "asked for by OUTRIGHT_CUDA_MATMUL";
  if (!asks_for("OUTRIGHT_CUDA_MATMUL", "plain")) library = CublasLt::open(&why);
  matmul = library ? "cuBLASLt " + library->version() + " from " + library->path()
                   : "own product, 64x64 tiles in float32: " + why;
  hardware = std::string(properties.name) + ", compute capability " + std::to_string(properties.major) + "." +
             std::to_string(properties.minor) + ", " + std::to_string(properties.multiProcessorCount) +
             " multiprocessors, driver for CUDA " + version_text(driver) + ", runtime " +
             version_text(runtime) + ", bfloat16 attention " + name_of(attention);
}

outright_device::~outright_device() {
  cudaSetDevice(index);
  cudaStreamSynchronize(stream);
}

namespace outright::cuda {

void device_info(Device& device, outright_device_info* info) {
  *info = {1, device.matmul.c_str(), device.hardware.c_str()};
}

}  // namespace outright::cuda
