// The library's way in: may this processor run the variant, and how good is it? Compiled for the oldest
// processor of the architecture and free of inline library code, which the linker could take from a file
// compiled for a newer one.
#include "entry.h"

namespace {

// Why this processor (or its system) cannot run the variant, or nullptr.
const char* obstacle() {
#if defined(OUTRIGHT_NEEDS_AVX512) || defined(OUTRIGHT_NEEDS_AVX2)
  __builtin_cpu_init();
#define OUTRIGHT_NEED(feature) \
  if (!__builtin_cpu_supports(feature)) return "this processor lacks " feature;
  OUTRIGHT_NEED("avx2")
  OUTRIGHT_NEED("fma")
  OUTRIGHT_NEED("bmi")
  OUTRIGHT_NEED("bmi2")
#if defined(OUTRIGHT_NEEDS_AVX512)
  OUTRIGHT_NEED("avx512f")
  OUTRIGHT_NEED("avx512bw")
  OUTRIGHT_NEED("avx512cd")
  OUTRIGHT_NEED("avx512dq")
  OUTRIGHT_NEED("avx512vl")
#endif
#if defined(OUTRIGHT_NEEDS_AVX512BF16)
  OUTRIGHT_NEED("avx512bf16")
#endif
#undef OUTRIGHT_NEED
#endif
  return nullptr;
}

#if defined(OUTRIGHT_NEEDS_AVX512BF16)
constexpr int32_t kScore = 40;
#elif defined(OUTRIGHT_NEEDS_AVX512)
constexpr int32_t kScore = 30;
#elif defined(OUTRIGHT_NEEDS_AVX2)
constexpr int32_t kScore = 20;
#else
constexpr int32_t kScore = 10;
#endif

}  // namespace

int32_t outright_cpu_score(void) { return obstacle() ? 0 : kScore; }

const char* outright_cpu_reason(void) {
  const char* reason = obstacle();
  return reason ? reason : "";
}

const outright_backend* outright_backend_get(void) { return &outright_cpu_table; }
