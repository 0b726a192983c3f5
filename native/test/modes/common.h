// What the modes share.
#pragma once

#include <exception>
#include <string>

#include "../harness/compare.h"
#include "../harness/execution.h"
#include "modes.h"

namespace outright::test {

// What goes wrong inside one case must not end the others.
template <typename Body>
std::string Guarded(const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return std::string("threw: ") + error.what();
  }
}

inline std::string Refusal(const Device& device, outright_status status) {
  return std::string("status ") + StatusName(status) + ", \"" + device.LastError() + "\"";
}

// Outputs that have something to be compared with.
inline bool IsCompared(const Argument& argument) { return !argument.absent && argument.role != Role::kInput; }

}  // namespace outright::test
