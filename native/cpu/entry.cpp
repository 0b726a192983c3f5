// The library's way in: may this processor run the variant, and how good is it? Compiled for the oldest processor of
// the architecture and free of inline library code, which the linker could take from a file compiled for a newer one.
#include "entry.h"

namespace {

struct Feature {
  bool present;
  const char* name;
};

// The first instruction set that the variant needs and the processor (or the system) lacks, or nullptr.
const char* missing_feature() {
#if defined(OUTRIGHT_NEEDS_AVX512) || defined(OUTRIGHT_NEEDS_AVX2)
  __builtin_cpu_init();
  const Feature needed[] = {
      {__builtin_cpu_supports("avx2") != 0, "avx2"}, {__builtin_cpu_supports("fma") != 0, "fma"},
      {__builtin_cpu_supports("bmi") != 0, "bmi"},   {__builtin_cpu_supports("bmi2") != 0, "bmi2"},
#if defined(OUTRIGHT_NEEDS_AVX512)
      {__builtin_cpu_supports("avx512f") != 0, "avx512f"},   {__builtin_cpu_supports("avx512bw") != 0, "avx512bw"},
      {__builtin_cpu_supports("avx512cd") != 0, "avx512cd"}, {__builtin_cpu_supports("avx512dq") != 0, "avx512dq"},
      {__builtin_cpu_supports("avx512vl") != 0, "avx512vl"},
#endif
  };
  for (const Feature& feature : needed)
    if (!feature.present) return feature.name;
#endif
  return nullptr;
}

#if defined(OUTRIGHT_NEEDS_AVX512)
constexpr int32_t kScore = 30;
#elif defined(OUTRIGHT_NEEDS_AVX2)
constexpr int32_t kScore = 20;
#else
constexpr int32_t kScore = 10;
#endif

char reason_text[64];

}  // namespace

int32_t outright_cpu_score(void) { return missing_feature() ? 0 : kScore; }

const char* outright_cpu_reason(void) {
  const char* missing = missing_feature();
  if (!missing) return "";
  const char* parts[] = {"this processor lacks ", missing};
  char* to = reason_text;
  for (const char* part : parts)
    while (*part) *to++ = *part++;
  *to = '\0';
  return reason_text;
}

const outright_backend* outright_backend_get(void) { return &outright_cpu_table; }
