// A stretch of a buffer.
#pragma once

#include "check.h"

namespace outright {

// The bytes of elements [offset, offset + count) of a tensor.
struct Span {
  char* data;
  size_t bytes;
};

inline Span span(const Check& check, const outright_tensor* tensor, const char* name, int64_t offset,
                 int64_t count) {
  if (!tensor) check.invalid("%s is missing", name);
  const int64_t size = dtype_bytes(tensor->dtype);
  if (size == 0)
    fail(OUTRIGHT_UNSUPPORTED, "%s is %s; this backend stores float32, bfloat16, int32 and int16 only", name,
         dtype_name(tensor->dtype));
  if (offset < 0 || count < 0 || offset > tensor->count || count > tensor->count - offset)
    check.invalid("%lld elements from %lld on are outside %s, which has %lld", static_cast<long long>(count),
                  static_cast<long long>(offset), name, static_cast<long long>(tensor->count));
  return {static_cast<char*>(tensor->data) + offset * size, static_cast<size_t>(count * size)};
}

}  // namespace outright
