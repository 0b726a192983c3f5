// oneDNN's single-precision product (dnnl_sgemm), found at run time; nothing of it is needed to build.
//
// It is called on one thread for tiles of our own pool. What the interface promises about rows (product.h)
// the library does not promise itself: rows are padded to whole groups of 16, and on opening the device we
// check on a few shapes that a row's bits do not depend on m, on its place or on cuts of n. A library that
// fails the check is not used.
#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "product.h"

namespace outright::cpu {

namespace {

// oneDNN's C API: row-major, C = alpha op(A) op(B) + beta C; returns 0 on success.
using Sgemm = int (*)(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                      int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);
struct Version {
  int major, minor, patch;
  const char* hash;
  unsigned cpu_runtime, gpu_runtime;
};

constexpr int64_t kGroup = 16;

class OneDnn final : public Product {
 public:
  OneDnn(Sgemm sgemm, void (*set_threads)(int), std::string description)
      : sgemm_(sgemm), set_threads_(set_threads) {
    description_ = std::move(description);
  }

  void nt(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
          int64_t ldc, bool accumulate, float* scratch) const override {
    by_groups('T', m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
  }
  void nn(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
          int64_t ldc, bool accumulate, float* scratch) const override {
    by_groups('N', m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
  }
  void tn(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
          int64_t ldc, bool accumulate, float*) const override {
    call('T', 'N', m, n, k, a, lda, b, ldb, c, ldc, accumulate);
  }
  int64_t scratch(int64_t n, int64_t k) const override { return kGroup * (n + k); }

 private:
  void by_groups(char transb, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                 int64_t ldb, float* c, int64_t ldc, bool accumulate, float* scratch) const {
    const int64_t whole = m / kGroup * kGroup;
    if (whole > 0) call('N', transb, whole, n, k, a, lda, b, ldb, c, ldc, accumulate);
    const int64_t rest = m - whole;
    if (rest == 0) return;
    float* a_group = scratch;
    float* c_group = scratch + kGroup * k;
    std::fill_n(scratch, kGroup * (n + k), 0.0f);
    for (int64_t i = 0; i < rest; ++i) {
      std::copy_n(a + (whole + i) * lda, k, a_group + i * k);
      if (accumulate) std::copy_n(c + (whole + i) * ldc, n, c_group + i * n);
    }
    call('N', transb, kGroup, n, k, a_group, k, b, ldb, c_group, n, accumulate);
    for (int64_t i = 0; i < rest; ++i) std::copy_n(c_group + i * n, n, c + (whole + i) * ldc);
  }

  void call(char transa, char transb, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
            const float* b, int64_t ldb, float* c, int64_t ldc, bool accumulate) const {
    if (m == 0 || n == 0) return;
    if (k == 0) {
      if (!accumulate)
        for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0f);
      return;
    }
    // OpenMP builds of the library would start threads of their own; the setting belongs to the calling
    // thread.
    thread_local bool single = false;
    if (!single && set_threads_) set_threads_(1);
    single = true;
    // It fails on bad arguments only, and those are checked before; a product must not pass unnoticed even
    // so.
    if (sgemm_(transa, transb, m, n, k, 1.0f, a, lda, b, ldb, accumulate ? 1.0f : 0.0f, c, ldc) != 0)
      for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, __builtin_nanf(""));
  }

  Sgemm sgemm_;
  void (*set_threads_)(int);
};

// Do the rows of products keep their bits when m changes, when they move and when n is cut?
bool rows_stand_alone(const Product& product) {
  struct Shape {
    int64_t n, k;
  };
  constexpr Shape kShapes[] = {{33, 13}, {64, 64}, {256, 128}, {96, 515}};
  constexpr int64_t kRows = 80;
  constexpr int64_t kCut = 64;
  uint32_t state = 1;
  const auto next = [&state] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
  };
  for (const auto [n, k] : kShapes) {
    const auto N = static_cast<size_t>(n);
    const auto K = static_cast<size_t>(k);
    std::vector<float> a(kRows * K), b(N * K), whole(kRows * N), part(kRows * N);
    std::vector<float> scratch(static_cast<size_t>(product.scratch(n, k)));
    for (float& x : a) x = next();
    for (float& x : b) x = next();
    for (const bool transposed : {true, false}) {
      const int64_t ldb = transposed ? k : n;
      const auto multiply = [&](int64_t first, int64_t m, std::vector<float>& c) {
        const float* rows = a.data() + first * k;
        if (transposed)
          product.nt(m, n, k, rows, k, b.data(), ldb, c.data(), n, false, scratch.data());
        else
          product.nn(m, n, k, rows, k, b.data(), ldb, c.data(), n, false, scratch.data());
      };
      multiply(0, kRows, whole);
      for (int64_t column = 0; column < n; column += kCut) {  // columns [column, column + here) alone
        const int64_t here = std::min(kCut, n - column);
        const float* piece = b.data() + (transposed ? column * k : column);
        if (transposed)
          product.nt(kRows, here, k, a.data(), k, piece, ldb, part.data(), n, false, scratch.data());
        else
          product.nn(kRows, here, k, a.data(), k, piece, ldb, part.data(), n, false, scratch.data());
        for (int64_t m = 0; m < kRows; ++m)
          if (std::memcmp(part.data() + m * n, whole.data() + m * n + column,
                          static_cast<size_t>(here) * sizeof(float)) != 0)
            return false;
      }
      for (const auto& [first, m] : {std::pair<int64_t, int64_t>{0, 1}, {7, 16}, {3, 37}, {11, 64}}) {
        multiply(first, m, part);
        if (std::memcmp(part.data(), whole.data() + first * n, static_cast<size_t>(m) * N * sizeof(float)) !=
            0)
          return false;
      }
    }
  }
  return true;
}

}  // namespace

std::unique_ptr<Product> make_onednn_product(std::string* reason) {
  for (const char* name : {"libdnnl.so.3", "libdnnl.so.2"}) {
    void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    const auto sgemm = reinterpret_cast<Sgemm>(dlsym(library, "dnnl_sgemm"));
    const auto version = reinterpret_cast<const Version* (*)()>(dlsym(library, "dnnl_version"));
    const auto set_threads = reinterpret_cast<void (*)(int)>(dlsym(library, "omp_set_num_threads"));
    if (!sgemm || !version) {
      *reason = std::string(name) + " lacks dnnl_sgemm";
      continue;
    }
    const Version v = *version();
    const std::string description = "oneDNN " + std::to_string(v.major) + "." + std::to_string(v.minor) +
                                    "." + std::to_string(v.patch) + " (" + name + ")";
    auto product = std::make_unique<OneDnn>(sgemm, set_threads, description);
    if (rows_stand_alone(*product)) return product;
    *reason = description + " gives a row other bits in another tile";
  }
  if (reason->empty())
    *reason = "neither libdnnl.so.3 nor libdnnl.so.2 is found (Debian, Ubuntu: libdnnl3 or libdnnl2)";
  return nullptr;
}

}  // namespace outright::cpu
