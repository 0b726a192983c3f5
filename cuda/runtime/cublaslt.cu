#include "cublaslt.h"

#include <dlfcn.h>

#include <cstdlib>
#include <sstream>
#include <vector>

#include "cublaslt_api.h"
#include "error.h"
#include "shared/dtype.h"

namespace outright::cuda {

namespace {

constexpr size_t kWorkspaceBytes = size_t{64} << 20;
const int kHere = 0;  // an address of this library

// Where to look: directories that were named, beside this library, then what the system's loader knows.
std::vector<std::string> candidates() {
  Dl_info here{};
  const std::string own = dladdr(&kHere, &here) != 0 && here.dli_fname ? here.dli_fname : "";
#if !defined(__CUDACC__)
  // test/emulation/cublaslt.cpp
  return std::getenv("OUTRIGHT_EMULATED_CUBLASLT") ? std::vector<std::string>{own}
                                                   : std::vector<std::string>{};
#else
  std::vector<std::string> directories;
  if (const char* given = std::getenv("OUTRIGHT_CUDA_LIBS")) {
    std::stringstream list(given);
    for (std::string part; std::getline(list, part, ':');)
      for (const char* below :
           {"/", "/lib/", "/lib64/", "/cu13/lib/", "/nvidia/cu13/lib/", "/nvidia/cublas/lib/"})
        if (!part.empty()) directories.push_back(part + below);
  }
  if (!own.empty()) directories.push_back(own.substr(0, own.rfind('/') + 1));
  directories.emplace_back("");
  directories.emplace_back("/usr/local/cuda/lib64/");
  std::vector<std::string> files;
  for (const std::string& directory : directories)
    for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) files.push_back(directory + name);
  return files;
#endif
}

int type_of(int32_t dtype) { return dtype == OUTRIGHT_BFLOAT16 ? lt::kRealBfloat16 : lt::kRealFloat32; }

// The largest power of two up to 256 that divides all addresses.
int alignment_of(const Product& p) {
  uintptr_t bits = 256;
  for (const void* pointer : {p.a, p.b, static_cast<const void*>(p.y), p.r, p.bias})
    bits |= reinterpret_cast<uintptr_t>(pointer);
  return static_cast<int>(bits & -bits);
}

}  // namespace

struct CublasLt::Functions {
  void* library = nullptr;
  lt::GetVersion get_version{};
  lt::Create create{};
  lt::Destroy destroy{}, desc_destroy{}, layout_destroy{}, preference_destroy{};
  lt::DescCreate desc_create{};
  lt::SetAttribute desc_set{}, preference_set{};
  lt::LayoutCreate layout_create{};
  lt::PreferenceCreate preference_create{};
  lt::GetHeuristic get_heuristic{};
  lt::Matmul matmul{};

  // The name of one that is missing, or nullptr.
  const char* load() {
    const char* missing = nullptr;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      if (!function) missing = name;
    };
    find(get_version, "cublasLtGetVersion");
    find(create, "cublasLtCreate");
    find(destroy, "cublasLtDestroy");
    find(desc_create, "cublasLtMatmulDescCreate");
    find(desc_set, "cublasLtMatmulDescSetAttribute");
    find(desc_destroy, "cublasLtMatmulDescDestroy");
    find(layout_create, "cublasLtMatrixLayoutCreate");
    find(layout_destroy, "cublasLtMatrixLayoutDestroy");
    find(preference_create, "cublasLtMatmulPreferenceCreate");
    find(preference_set, "cublasLtMatmulPreferenceSetAttribute");
    find(preference_destroy, "cublasLtMatmulPreferenceDestroy");
    find(get_heuristic, "cublasLtMatmulAlgoGetHeuristic");
    find(matmul, "cublasLtMatmul");
    return missing;
  }
};

struct CublasLt::Plan {
  const Functions& functions;
  void *desc = nullptr, *left = nullptr, *right = nullptr, *result = nullptr;
  bool found = false;
  lt::Heuristic heuristic{};

  explicit Plan(const Functions& of) : functions(of) {}
  ~Plan() {
    for (void* layout : {left, right, result})
      if (layout) functions.layout_destroy(layout);
    if (desc) functions.desc_destroy(desc);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
};

std::unique_ptr<CublasLt> CublasLt::open(std::string* why) {
  auto functions = std::make_unique<Functions>();
  std::string path;
  for (const std::string& file : candidates()) {
    functions->library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    path = file;
    if (functions->library) break;
  }
  if (!functions->library) {
    *why = "cuBLASLt was not found; set OUTRIGHT_CUDA_LIBS to its folder";
    return nullptr;
  }
  if (const char* missing = functions->load()) {
    *why = path + " has no " + missing;
    return nullptr;
  }
  std::unique_ptr<CublasLt> result(new CublasLt);
  result->path_ = path;
  const lt::Status status = functions->create(&result->handle_);
  result->functions_ = std::move(functions);
  if (status != lt::kSuccess) {
    *why = path + " does not start: status " + std::to_string(status);
    result->handle_ = nullptr;
    return nullptr;
  }
  expect(cudaMalloc(&result->workspace_, kWorkspaceBytes), "workspace of cuBLASLt");
  return result;
}

CublasLt::~CublasLt() {
  plans_.clear();
  if (workspace_) cudaFree(workspace_);
  if (handle_) functions_->destroy(handle_);
}

std::string CublasLt::version() const {
  const auto number = static_cast<int64_t>(functions_->get_version());
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." +
         std::to_string(number % 100);
}

// The library thinks in columns: a row-major [M, N] is its column-major [N, M], so the product is taken the
// other way round, y^T = b a^T.
CublasLt::Plan& CublasLt::plan_for(const Product& p, int alignment) {
  const int flags = (p.a_transposed ? 1 : 0) | (p.b_transposed ? 2 : 0) | (p.bias ? 4 : 0) | (p.r ? 8 : 0);
  const Key key{p.M, p.N, p.K, p.a_stride, flags, p.operand_dtype, p.result_dtype, alignment};
  std::unique_ptr<Plan>& slot = plans_[key];
  if (slot) return *slot;
  slot = std::make_unique<Plan>(*functions_);
  Plan& plan = *slot;
  const Functions& f = *functions_;
  const int type = type_of(p.operand_dtype);
  const auto M = static_cast<uint64_t>(p.M), N = static_cast<uint64_t>(p.N), K = static_cast<uint64_t>(p.K);
  bool good = f.desc_create(&plan.desc, lt::kCompute32F, lt::kRealFloat32) == lt::kSuccess;
  const auto set = [&](int attribute, const auto& value) {
    good = good && f.desc_set(plan.desc, attribute, &value, sizeof value) == lt::kSuccess;
  };
  if (!p.b_transposed) set(lt::kDescTransA, lt::kOpTranspose);
  if (p.a_transposed) set(lt::kDescTransB, lt::kOpTranspose);
  if (p.bias) {
    set(lt::kDescEpilogue, lt::kEpilogueBias);
    set(lt::kDescBiasDataType, type);
    set(lt::kDescBiasPointer, p.bias);
  }
  const auto layout = [&](void** to, int of, bool transposed, uint64_t rows, uint64_t columns,
                          int64_t stride) {
    // column-major: [columns, rows] with a leading side of `columns`, or more where there are gaps
    const uint64_t leading = transposed ? rows : columns, other = transposed ? columns : rows;
    if (stride == 0) stride = static_cast<int64_t>(leading);
    good = good && f.layout_create(to, of, leading, other, stride) == lt::kSuccess;
  };
  layout(&plan.left, type, p.b_transposed, N, K, 0);
  layout(&plan.right, type, p.a_transposed, M, K, p.a_stride);
  layout(&plan.result, type_of(p.result_dtype), false, M, N, 0);
  void* preference = nullptr;
  good = good && f.preference_create(&preference) == lt::kSuccess;
  if (good) {
    const auto prefer = [&](int attribute, const auto& value) {
      good = good && f.preference_set(preference, attribute, &value, sizeof value) == lt::kSuccess;
    };
    prefer(lt::kPrefMaxWorkspaceBytes, uint64_t{kWorkspaceBytes});
    // sums over parts of K go through the workspace, in an order that time does not decide
    prefer(lt::kPrefReductionSchemeMask, lt::kReductionComputeType);
    for (int matrix = 0; matrix < 4; ++matrix)
      prefer(lt::kPrefMinAlignmentA + matrix, static_cast<uint32_t>(alignment));
    int found = 0;
    plan.found = good &&
                 f.get_heuristic(handle_, plan.desc, plan.left, plan.right, plan.result, plan.result,
                                 preference, 1, &plan.heuristic, &found) == lt::kSuccess &&
                 found == 1 && plan.heuristic.status == lt::kSuccess;
  }
  if (preference) f.preference_destroy(preference);
  return plan;
}

bool CublasLt::multiply(const Product& p, cudaStream_t stream) {
  if (p.M == 0 || p.N == 0 || p.K == 0) return false;
  Plan& plan = plan_for(p, alignment_of(p));
  if (!plan.found) return false;
  if (p.bias) functions_->desc_set(plan.desc, lt::kDescBiasPointer, &p.bias, sizeof p.bias);
  const float alpha = 1.0f, beta = p.r ? 1.0f : 0.0f;
  const lt::Status status = functions_->matmul(
      handle_, plan.desc, &alpha, p.b, plan.left, p.a, plan.right, &beta, p.r ? p.r : p.y, plan.result, p.y,
      plan.result, &plan.heuristic.algorithm, workspace_, kWorkspaceBytes, stream);
  if (status == lt::kNotSupported || status == lt::kInvalidValue) {
    plan.found = false;  // whatever the heuristic thought of it
    return false;
  }
  if (status != lt::kSuccess)
    fail(OUTRIGHT_INTERNAL, "cuBLASLt: product of %lld x %lld x %lld failed with status %d",
         static_cast<long long>(p.M), static_cast<long long>(p.N), static_cast<long long>(p.K), status);
  return true;
}

}  // namespace outright::cuda
