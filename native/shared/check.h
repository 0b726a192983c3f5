// Checks an operation's arguments before it touches them. Every complaint names the operation and the
// argument.
//
//   Check check("linear");
//   check.sizes({{"M", M}, {"N", N}, {"K", K}});
//   const float* X = check.input(x, "x", {M, K});      // float32; check.input<bfloat16>(...) for bfloat16
//   float* Y = check.output(y, "y", {M, N});
//   check.separate();
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "dtype.h"
#include "failure.h"

namespace outright {

inline const char* dtype_name(int32_t dtype) {
  switch (dtype) {
    case OUTRIGHT_FLOAT32:
      return "float32";
    case OUTRIGHT_BFLOAT16:
      return "bfloat16";
    case OUTRIGHT_FLOAT16:
      return "float16";
    case OUTRIGHT_FLOAT64:
      return "float64";
    case OUTRIGHT_INT32:
      return "int32";
    case OUTRIGHT_INT16:
      return "int16";
  }
  return "unknown dtype";
}

// Bytes of an element of a dtype that this backend stores; else 0.
inline int64_t dtype_bytes(int32_t dtype) {
  if (dtype == OUTRIGHT_FLOAT32 || dtype == OUTRIGHT_INT32) return 4;
  return dtype == OUTRIGHT_BFLOAT16 || dtype == OUTRIGHT_INT16 ? 2 : 0;
}

// What the host knows of the integers in a device's memory.
class HostIntegers {
 public:
  virtual ~HostIntegers() = default;
  // The host's copy of what lies at a device address.
  virtual const int32_t* at(const void* address) const = 0;
};

class Check {
 public:
  struct Size {
    const char* name;
    int64_t value;
  };

  // `mirror` where the host cannot read tensors themselves.
  explicit Check(const char* operation, const HostIntegers* mirror = nullptr)
      : operation_(operation), mirror_(mirror) {}

  void sizes(std::initializer_list<Size> list) const {
    for (const Size& size : list)
      if (size.value < 0)
        invalid("%s is %lld: sizes are not negative", size.name, static_cast<long long>(size.value));
  }

  // Tensors of storage type X and a given shape. One written as `in_place` may be the very buffer of an
  // input.
  template <typename X = float>
  const X* input(const outright_tensor* tensor, const char* name, std::initializer_list<int64_t> shape) {
    return static_cast<const X*>(take(tensor, name, elements(name, shape), kDtype<X>, kRead));
  }
  template <typename X = float>
  X* output(const outright_tensor* tensor, const char* name, std::initializer_list<int64_t> shape) {
    return static_cast<X*>(take(tensor, name, elements(name, shape), kDtype<X>, kWritten));
  }
  template <typename X = float>
  X* in_place(const outright_tensor* tensor, const char* name, std::initializer_list<int64_t> shape) {
    return static_cast<X*>(take(tensor, name, elements(name, shape), kDtype<X>, kInPlace));
  }
  // May be the very buffer of the input of that name, of no other.
  template <typename X = float>
  X* in_place_of(const char* partner, const outright_tensor* tensor, const char* name,
                 std::initializer_list<int64_t> shape) {
    X* data = in_place<X>(tensor, name, shape);
    if (used_ > 0 && ranges_[used_ - 1].name == name) ranges_[used_ - 1].partner = partner;
    return data;
  }
  // Absent tensors give nullptr.
  template <typename X = float>
  const X* optional_input(const outright_tensor* tensor, const char* name,
                          std::initializer_list<int64_t> shape) {
    return tensor ? input<X>(tensor, name, shape) : nullptr;
  }
  template <typename X = float>
  X* optional_output(const outright_tensor* tensor, const char* name, std::initializer_list<int64_t> shape) {
    return tensor ? output<X>(tensor, name, shape) : nullptr;
  }
  // Of integers these and the next give what the host can read.
  const int32_t* integers(const outright_tensor* tensor, const char* name, int64_t count) {
    const void* data = take(tensor, name, count, OUTRIGHT_INT32, kRead);
    return mirror_ && count > 0 ? mirror_->at(data) : static_cast<const int32_t*>(data);
  }
  // Integers that must lie in [0, limit).
  const int32_t* indices(const outright_tensor* tensor, const char* name, int64_t count, int64_t limit) {
    const int32_t* values = integers(tensor, name, count);
    for (int64_t i = 0; i < count; ++i)
      if (values[i] < 0 || values[i] >= limit)
        invalid("%s[%lld] is %d, outside [0, %lld)", name, static_cast<long long>(i), values[i],
                static_cast<long long>(limit));
    return values;
  }
  // count + 1 offsets that do not decrease and stay within [0, limit].
  const int32_t* offsets(const outright_tensor* tensor, const char* name, int64_t count, int64_t limit) {
    const int32_t* values = integers(tensor, name, count + 1);
    for (int64_t i = 0; i <= count; ++i) {
      if (values[i] < 0 || values[i] > limit)
        invalid("%s[%lld] is %d, outside [0, %lld]", name, static_cast<long long>(i), values[i],
                static_cast<long long>(limit));
      if (i > 0 && values[i] < values[i - 1])
        invalid("%s[%lld] is %d, less than the one before it (%d)", name, static_cast<long long>(i),
                values[i], values[i - 1]);
    }
    return values;
  }
  // For tensors that a layout addresses: at least `count` elements.
  template <typename X = float>
  const X* strided_input(const outright_tensor* tensor, const char* name, int64_t count) {
    return static_cast<const X*>(take(tensor, name, count, kDtype<X>, kRead));
  }
  template <typename X = float>
  X* strided_output(const outright_tensor* tensor, const char* name, int64_t count) {
    return static_cast<X*>(take(tensor, name, count, kDtype<X>, kShared));
  }
  void host(const void* pointer, const char* name, int64_t count) const {
    if (!pointer && count > 0) invalid("%s is missing", name);
  }

  // No output overlaps anything else; call it after all tensors are named.
  void separate() const {
    for (int i = 0; i < used_; ++i) {
      for (int j = 0; j < i; ++j) {
        const Range& a = ranges_[i];
        const Range& b = ranges_[j];
        if (a.role == kRead && b.role == kRead) continue;
        if (a.role == kShared && b.role == kShared) continue;
        if (a.end <= b.begin || b.end <= a.begin) continue;
        if (a.begin == b.begin && (may_be(a, b) || may_be(b, a))) continue;
        invalid("%s and %s overlap", b.name, a.name);
      }
    }
  }

  [[noreturn]] __attribute__((format(printf, 2, 3))) void invalid(const char* format, ...) const {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail(OUTRIGHT_INVALID, "%s: %s", operation_, text);
  }

  // The product of the sizes; beyond int64_t is invalid.
  int64_t elements(const char* name, std::initializer_list<int64_t> shape) const {
    int64_t count = 1;
    for (const int64_t size : shape)
      if (__builtin_mul_overflow(count, size, &count)) invalid("the shape of %s is too large", name);
    return count;
  }

 private:
  enum Role { kRead, kWritten, kInPlace, kShared };
  struct Range {
    const char* name;
    uintptr_t begin, end;
    Role role;
    const char* partner;  // of kInPlace: the one input that it may be; nullptr: any
  };
  static bool may_be(const Range& written, const Range& read) {
    return written.role == kInPlace && read.role == kRead &&
           (!written.partner || std::strcmp(written.partner, read.name) == 0);
  }

  void* take(const outright_tensor* tensor, const char* name, int64_t count, int32_t dtype, Role role) {
    if (!tensor) invalid("%s is missing", name);
    if (tensor->dtype != dtype) {
      if (dtype_bytes(tensor->dtype) == 0)
        fail(OUTRIGHT_UNSUPPORTED,
             "%s: %s is %s; this backend stores float32, bfloat16, int32 and int16 only", operation_, name,
             dtype_name(tensor->dtype));
      invalid("%s is %s, not %s", name, dtype_name(tensor->dtype), dtype_name(dtype));
    }
    if (tensor->count < count || (count > 0 && !tensor->data))
      invalid("%s has %lld elements, its shape needs %lld", name, static_cast<long long>(tensor->count),
              static_cast<long long>(count));
    if (count > 0 && used_ < kMost) {
      const auto begin = reinterpret_cast<uintptr_t>(tensor->data);
      ranges_[used_++] = {name, begin, begin + static_cast<uintptr_t>(count * dtype_bytes(dtype)), role,
                          nullptr};
    }
    return tensor->data;
  }

  static constexpr int kMost = 16;
  const char* operation_;
  const HostIntegers* mirror_;
  Range ranges_[kMost];
  int used_ = 0;
};

// Of take_results.
inline void check_results(int64_t count, int64_t waiting) {
  if (count != waiting)
    fail(OUTRIGHT_INVALID, "take_results: %lld numbers are asked for, %lld wait",
         static_cast<long long>(count), static_cast<long long>(waiting));
}

}  // namespace outright
