#include "backends.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace outright::napi {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "outright_";

// The directory that this addon was loaded from.
fs::path addon_directory() {
  Dl_info info;
  static const int here = 0;
  if (dladdr(&here, &info) == 0 || info.dli_fname == nullptr) return {};
  return fs::absolute(info.dli_fname).parent_path();
}

std::vector<fs::path> search_path() {
  std::vector<fs::path> directories;
  if (const char* extra = std::getenv("OUTRIGHT_BACKEND_PATH")) {
    std::stringstream list(extra);
    for (std::string part; std::getline(list, part, ':');)
      if (!part.empty()) directories.emplace_back(part);
  }
  directories.push_back(addon_directory());
  return directories;
}

// outright_cpu_avx2.so -> cpu-avx2; empty when the file is no backend library.
std::string name_of(const fs::path& file) {
  std::string stem = file.stem().string();
  const std::string extension = file.extension().string();
  if (extension != ".so" && extension != ".dylib") return {};
  if (stem.rfind("lib", 0) == 0) stem = stem.substr(3);
  if (stem.rfind(kPrefix, 0) != 0) return {};
  std::string name = stem.substr(std::string(kPrefix).size());
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

Backend open(const fs::path& file, const std::string& name) {
  Backend backend;
  backend.name = name;
  backend.kind = name.substr(0, name.find('-'));
  backend.path = file.string();
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* message = dlerror();
    backend.reason = message != nullptr ? message : "the library cannot be opened";
    return backend;
  }
  auto get = reinterpret_cast<const outright_backend* (*)()>(dlsym(library, "outright_backend_get"));
  const outright_backend* table = get != nullptr ? get() : nullptr;
  if (table == nullptr) {
    backend.reason = "the library exports no outright_backend_get";
    return backend;
  }
  if (table->abi_version != OUTRIGHT_ABI_VERSION ||
      table->table_bytes != static_cast<int32_t>(sizeof *table)) {
    backend.reason = "the library speaks version " + std::to_string(table->abi_version) +
                     " of the interface, the addon version " + std::to_string(OUTRIGHT_ABI_VERSION) +
                     ": build both again";
    return backend;
  }
  backend.name = table->name;
  backend.kind = table->kind;
  backend.score = table->score();
  backend.reason = backend.score > 0 ? "" : table->reason();
  backend.table = table;
  return backend;
}

std::vector<Backend> discover() {
  std::vector<Backend> found;
  for (const fs::path& directory : search_path()) {
    std::error_code error;
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory, error))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      const std::string name = name_of(file);
      const bool known =
          std::any_of(found.begin(), found.end(), [&](const Backend& b) { return b.name == name; });
      if (!name.empty() && !known) found.push_back(open(file, name));
    }
  }
  // Said even where there is no library, so that nobody has to wonder.
  if (std::none_of(found.begin(), found.end(), [](const Backend& b) { return b.kind == "cuda"; }))
    found.push_back(
        {"cuda", "cuda", "", 0, "no backend library outright_cuda was found beside the addon", nullptr});
  std::stable_sort(found.begin(), found.end(),
                   [](const Backend& a, const Backend& b) { return a.score > b.score; });
  return found;
}

[[noreturn]] void refuse(const std::string& wanted, const std::string& why) {
  throw std::runtime_error("device \"" + wanted + "\" cannot be used: " + why);
}

}  // namespace

const std::vector<Backend>& backends() {
  static const std::vector<Backend> found = discover();
  return found;
}

const Backend& find_backend(const std::string& wanted) {
  const std::vector<Backend>& all = backends();
  if (std::none_of(all.begin(), all.end(), [](const Backend& b) { return b.table != nullptr; }))
    refuse(wanted, "no backend library was found beside the addon; build it with: npm run build");
  const Backend* refused = nullptr;
  for (const Backend& backend : all) {
    if (wanted != "auto" && wanted != backend.kind && wanted != backend.name) continue;
    if (backend.score > 0) return backend;
    if (refused == nullptr) refused = &backend;
  }
  if (refused != nullptr)
    refuse(wanted, refused->name == wanted ? refused->reason : refused->name + ": " + refused->reason);
  std::string known = "auto";
  for (const Backend& backend : all) known += ", " + backend.name;
  refuse(wanted, "no backend has that name; known are " + known);
}

}  // namespace outright::napi
