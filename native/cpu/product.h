// A matrix product on one thread: the building block that operations lay out in tiles.
//
// All matrices are row-major; ld* is the distance between rows in elements. C is overwritten or added to. The
// result of a row of C in nt() and nn() depends on the matching row of A, on B and k only: not on m, nor on
// where the row stands, nor on whether B comes whole or in pieces of 64 columns. k = 0 gives zeros (or adds
// nothing).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace outright::cpu {

class Product {
 public:
  virtual ~Product() = default;

  // C[m,n] (+)= A[m,k] B[n,k]^T
  virtual void nt(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb,
                  float* c, int64_t ldc, bool accumulate, float* scratch) const = 0;
  // C[m,n] (+)= A[m,k] B[k,n]
  virtual void nn(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb,
                  float* c, int64_t ldc, bool accumulate, float* scratch) const = 0;
  // C[m,n] (+)= A[k,m]^T B[k,n]
  virtual void tn(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb,
                  float* c, int64_t ldc, bool accumulate, float* scratch) const = 0;

  // Floats of scratch that the calls above need for C of at most n columns and products over at most k.
  virtual int64_t scratch(int64_t n, int64_t k) const = 0;

  const std::string& description() const { return description_; }

 protected:
  std::string description_;
};

// Our own; always there.
std::unique_ptr<Product> make_portable_product();
// oneDNN's, or nullptr and why not. It is found at run time and must pass a check that rows do not depend on
// m.
std::unique_ptr<Product> make_onednn_product(std::string* reason);

}  // namespace outright::cpu
