// Finds backend libraries: beside the addon, and in the directories of OUTRIGHT_BACKEND_PATH.
#pragma once

#include <string>
#include <vector>

#include "outright/backend.h"

namespace outright::napi {

struct Backend {
  std::string name;  // as its table says; of a library that cannot be opened, from its file name
  std::string kind;
  std::string path;
  int score = 0;       // 0 = cannot run here
  std::string reason;  // why
  const outright_backend* table = nullptr;
};

// Every library found, opened once per process and never closed; best score first.
const std::vector<Backend>& backends();

// The backend of that name or kind; "auto" takes the best. Throws std::runtime_error with one line that says
// why not.
const Backend& find_backend(const std::string& wanted);

}  // namespace outright::napi
