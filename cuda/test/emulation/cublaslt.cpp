// cuBLASLt as far as runtime/cublaslt.cu uses it, on the host: what it is told of matrices is checked and
// followed to the letter, so that the operation test sees whether it is told the right things. Its constants
// are those of runtime/cublaslt_api.h, which cublaslt_header.cpp holds against the real header. It is taken
// where OUTRIGHT_EMULATED_CUBLASLT is set; anything that the real library would refuse ends the process.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/cublaslt_api.h"

namespace {

namespace lt = outright::cuda::lt;

struct Layout {
  int type;
  int64_t rows, columns, leading;  // column-major
};
struct Description {
  int32_t left_operation = 0, right_operation = 0, epilogue = 1;
  int32_t bias_type = -1;
  const void* bias = nullptr;
};
struct Preference {
  uint64_t workspace_bytes = 0;
  uint32_t reductions = ~0u;
  uint32_t alignment[4] = {256, 256, 256, 256};
};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "emulated cuBLASLt: %s\n", what);
  std::abort();
}

template <typename T>
void set(T& attribute, const void* value, size_t bytes) {
  require(bytes == sizeof attribute, "an attribute has another size");
  std::memcpy(&attribute, value, sizeof attribute);
}

double number(const void* data, int type, int64_t i) {
  float value;
  if (type == lt::kRealFloat32) {
    std::memcpy(&value, static_cast<const float*>(data) + i, sizeof value);
  } else {
    uint16_t half;
    std::memcpy(&half, static_cast<const uint16_t*>(data) + i, sizeof half);
    const uint32_t bits = uint32_t{half} << 16;
    std::memcpy(&value, &bits, sizeof value);
  }
  return value;
}

void store(void* data, int type, int64_t i, double sum) {
  const auto value = static_cast<float>(sum);
  if (type == lt::kRealFloat32) {
    std::memcpy(static_cast<float*>(data) + i, &value, sizeof value);
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  // to nearest, ties to even; NaN stays one
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const auto half =
      static_cast<uint16_t>((is_nan ? bits | 0x400000u : bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
  std::memcpy(static_cast<uint16_t*>(data) + i, &half, sizeof half);
}

// An operand after its operation: element (i, j) of op(matrix).
struct Operand {
  const void* data;
  const Layout& layout;
  bool transposed;
  int64_t rows() const { return transposed ? layout.columns : layout.rows; }
  int64_t columns() const { return transposed ? layout.rows : layout.columns; }
  double at(int64_t i, int64_t j) const {
    return number(data, layout.type, transposed ? j + i * layout.leading : i + j * layout.leading);
  }
};

void check_shapes(const Description& description, const Layout& a, const Layout& b, const Layout& c,
                  const Layout& d) {
  const Operand left{nullptr, a, description.left_operation == lt::kOpTranspose};
  const Operand right{nullptr, b, description.right_operation == lt::kOpTranspose};
  require(left.columns() == right.rows(), "the inner sides differ");
  require(left.rows() == d.rows && right.columns() == d.columns, "the result has other sides");
  require(c.rows == d.rows && c.columns == d.columns && c.type == d.type, "C is not like D");
  require(a.type == b.type && (d.type == a.type || d.type == lt::kRealFloat32), "types do not go together");
  for (const Layout* layout : {&a, &b, &c, &d})
    require(layout->leading >= layout->rows, "a leading side is too short");
  if (description.epilogue == lt::kEpilogueBias)
    require(description.bias_type == d.type, "a bias is not of the result's type");
}

}  // namespace

extern "C" {
#define EXPORTED __attribute__((visibility("default")))

EXPORTED size_t cublasLtGetVersion() { return 130000; }
EXPORTED lt::Status cublasLtCreate(void** handle) {
  *handle = new char;
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtDestroy(void* handle) {
  delete static_cast<char*>(handle);
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatmulDescCreate(void** desc, int compute, int scale) {
  require(compute == lt::kCompute32F && scale == lt::kRealFloat32, "sums are not float32");
  *desc = new Description;
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatmulDescSetAttribute(void* object, int attribute, const void* value,
                                                   size_t bytes) {
  auto& description = *static_cast<Description*>(object);
  switch (attribute) {
    case lt::kDescTransA:
      set(description.left_operation, value, bytes);
      return lt::kSuccess;
    case lt::kDescTransB:
      set(description.right_operation, value, bytes);
      return lt::kSuccess;
    case lt::kDescEpilogue:
      set(description.epilogue, value, bytes);
      return lt::kSuccess;
    case lt::kDescBiasPointer:
      set(description.bias, value, bytes);
      return lt::kSuccess;
    case lt::kDescBiasDataType:
      set(description.bias_type, value, bytes);
      return lt::kSuccess;
    default:
      require(false, "an unknown attribute of a product");
      return 1;
  }
}
EXPORTED lt::Status cublasLtMatmulDescDestroy(void* object) {
  delete static_cast<Description*>(object);
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns,
                                               int64_t leading) {
  *layout = new Layout{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), leading};
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatrixLayoutDestroy(void* layout) {
  delete static_cast<Layout*>(layout);
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatmulPreferenceCreate(void** preference) {
  *preference = new Preference;
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatmulPreferenceSetAttribute(void* object, int attribute, const void* value,
                                                         size_t bytes) {
  auto& preference = *static_cast<Preference*>(object);
  if (attribute == lt::kPrefMaxWorkspaceBytes) {
    set(preference.workspace_bytes, value, bytes);
  } else if (attribute == lt::kPrefReductionSchemeMask) {
    set(preference.reductions, value, bytes);
  } else {
    const int matrix = attribute - lt::kPrefMinAlignmentA;
    if (matrix < 0 || matrix > 3) return 1;  // the caller then has no algorithm
    set(preference.alignment[matrix], value, bytes);
  }
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatmulPreferenceDestroy(void* preference) {
  delete static_cast<Preference*>(preference);
  return lt::kSuccess;
}
// The algorithm remembers what addresses were promised to be multiples of.
EXPORTED lt::Status cublasLtMatmulAlgoGetHeuristic(void*, void* desc, void* a, void* b, void* c, void* d,
                                                   void* object, int wanted, lt::Heuristic* results,
                                                   int* found) {
  const auto& preference = *static_cast<Preference*>(object);
  require(wanted == 1 && preference.reductions == lt::kReductionComputeType && preference.workspace_bytes > 0,
          "another preference than expected");
  check_shapes(*static_cast<Description*>(desc), *static_cast<Layout*>(a), *static_cast<Layout*>(b),
               *static_cast<Layout*>(c), *static_cast<Layout*>(d));
  *results = {};
  for (int i = 0; i < 4; ++i) results->algorithm.data[i] = preference.alignment[i];
  *found = 1;
  return lt::kSuccess;
}
EXPORTED lt::Status cublasLtMatmul(void*, void* desc, const void* alpha, const void* a, void* a_layout,
                                   const void* b, void* b_layout, const void* beta, const void* c,
                                   void* c_layout, void* d, void* d_layout, const lt::Algorithm* algorithm,
                                   void* workspace, size_t, cudaStream_t) {
  const auto& description = *static_cast<Description*>(desc);
  const Layout &left_layout = *static_cast<Layout*>(a_layout),
               &right_layout = *static_cast<Layout*>(b_layout);
  const Layout &before = *static_cast<Layout*>(c_layout), &result = *static_cast<Layout*>(d_layout);
  check_shapes(description, left_layout, right_layout, before, result);
  require(workspace != nullptr, "no workspace");
  const void* const matrices[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    require(reinterpret_cast<uintptr_t>(matrices[i]) % algorithm->data[i] == 0, "an address is not aligned");
  float scale = 0, keep = 0;
  std::memcpy(&scale, alpha, sizeof scale);
  std::memcpy(&keep, beta, sizeof keep);
  const Operand left{a, left_layout, description.left_operation == lt::kOpTranspose};
  const Operand right{b, right_layout, description.right_operation == lt::kOpTranspose};
  const bool biased = description.epilogue == lt::kEpilogueBias;
  for (int64_t j = 0; j < result.columns; ++j)
    for (int64_t i = 0; i < result.rows; ++i) {
      double sum = 0;
      for (int64_t k = 0; k < left.columns(); ++k) sum += left.at(i, k) * right.at(k, j);
      sum *= static_cast<double>(scale);
      // what is not kept is not read: it may be anything
      if (keep != 0) sum += static_cast<double>(keep) * number(c, before.type, i + j * before.leading);
      if (biased) sum += number(description.bias, description.bias_type, i);
      store(d, result.type, i + j * result.leading, sum);
    }
  return lt::kSuccess;
}
}
