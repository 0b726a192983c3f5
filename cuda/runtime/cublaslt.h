// Matrix products by cuBLASLt, which is opened at run time: without it the own product serves.
//
// The few declarations that are needed stand in cublaslt.cu, so that neither its headers nor it are needed to
// build; cuda/test/cublaslt_header.cu holds them against the real header where there is one.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

namespace outright::cuda {

// y[M, N] = sum over k of a(m, k) b(n, k) + r, row-major. a is stored [M, K], or [K, M] when a_transposed; b
// is stored [N, K], or [K, N] when b_transposed.
struct Product {
  int64_t M, N, K;
  const void *a, *b;
  bool a_transposed, b_transposed;
  int32_t operand_dtype;  // of a and b
  void* y;
  const void* r;  // added to the product, may be y; nullptr: nothing is
  int32_t result_dtype;
  const void* bias;      // [N] of the operands' dtype, or nullptr
  int64_t a_stride = 0;  // elements from one stored row of a to the next; 0: it has no gaps
};

class CublasLt {
 public:
  // nullptr where the library is not found or does not start; then `why` says so in one line.
  static std::unique_ptr<CublasLt> open(std::string* why);
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // False where the library has no algorithm for it; then nothing was done.
  bool multiply(const Product& product, cudaStream_t stream);

  const std::string& path() const { return path_; }
  std::string version() const;

 private:
  struct Functions;
  struct Plan;
  // What an algorithm is chosen for: the same for the same shape, types and alignment, so bits stay the same.
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t, int, int, int, int>;

  CublasLt() = default;
  Plan& plan_for(const Product& product, int alignment);

  std::unique_ptr<Functions> functions_;
  std::string path_;
  void* handle_ = nullptr;
  void* workspace_ = nullptr;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

}  // namespace outright::cuda
