#include <cstdio>

#include "modes.h"

namespace outright::test {

void Tally::Record(const std::string& op, const std::string& name, const std::string& failure, bool verbose) {
  if (failure.empty()) {
    ++passed;
    if (verbose) std::printf("ok   %s/%s\n", op.c_str(), name.c_str());
    return;
  }
  ++failed;
  std::printf("FAIL %s/%s (seed %016llx): %s\n", op.c_str(), name.c_str(),
              static_cast<unsigned long long>(Hash(op + "/" + name)), failure.c_str());
}

bool Selected(const Options& options, const std::string& op, const std::string& name) {
  return (op + "/" + name).find(options.filter) != std::string::npos;
}

}  // namespace outright::test
