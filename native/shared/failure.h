// How an operation says no: a status of the C ABI and one line of text.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>

#include "outright/backend.h"

namespace outright {

struct Failure {
  outright_status status;
  std::string message;
};

[[noreturn]] __attribute__((format(printf, 2, 3))) inline void fail(outright_status status,
                                                                    const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  throw Failure{status, line};
}

}  // namespace outright
