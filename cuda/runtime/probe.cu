#include "probe.h"

#include <cuda_runtime.h>

namespace outright::cuda {

namespace {

constexpr int kOldest = 8;  // compute capability of the first GPUs with bfloat16
#if defined(__CUDACC__)
constexpr int32_t kScore = 1000;  // above every processor
#else
constexpr int32_t kScore = 1;  // below every processor: only who asks for it gets the emulation
#endif

}  // namespace

std::string obstacle_to(int index) {
  int driver = 0, runtime = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const cudaError_t error = cudaGetDeviceCount(&count);
  cudaGetLastError();  // or the next call would report it
  const auto version = [](int number) {
    return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
  };
  if (error == cudaErrorInsufficientDriver && driver == 0)
    return "no CUDA device: no NVIDIA driver is installed";
  if (error == cudaErrorInsufficientDriver)
    return "no CUDA device: the NVIDIA driver is for CUDA " + version(driver) + ", this library needs " +
           version(runtime);
  if (error != cudaSuccess) return std::string("no CUDA device: ") + cudaGetErrorString(error);
  if (count == 0) return "no CUDA device: the driver finds no GPU";
  if (index < 0 || index >= count)
    return "there is no GPU " + std::to_string(index) + ": the last one is " + std::to_string(count - 1);
  cudaDeviceProp properties{};
  if (const cudaError_t failed = cudaGetDeviceProperties(&properties, index); failed != cudaSuccess)
    return std::string("GPU ") + std::to_string(index) + ": " + cudaGetErrorString(failed);
  if (properties.major < kOldest)
    return std::string(properties.name) + " has compute capability " + std::to_string(properties.major) +
           "." + std::to_string(properties.minor) + ", this library needs " + std::to_string(kOldest) + ".0";
  return "";
}

int32_t score() { return obstacle_to(0).empty() ? kScore : 0; }

const char* reason() {
  static thread_local std::string text;
  text = obstacle_to(0);
  return text.c_str();
}

}  // namespace outright::cuda
