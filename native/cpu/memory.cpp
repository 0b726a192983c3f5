// Buffers and copies.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "operations.h"
#include "shared/check.h"
#include "shared/span.h"
#include "tiles.h"

namespace outright::cpu {

namespace {

template <typename Integer>
void fill_whole(const Check& check, const outright_tensor* target, double value) {
  using Limits = std::numeric_limits<Integer>;
  if (!(value >= Limits::min() && value <= Limits::max()) || value != static_cast<Integer>(value))
    check.invalid("%g is not a whole number that %s holds", value, dtype_name(target->dtype));
  std::fill_n(static_cast<Integer*>(target->data), target->count, static_cast<Integer>(value));
}

void allocate(const Check& check, Device& device, int32_t dtype, int64_t count, Place place,
              outright_tensor* tensor) {
  check.host(tensor, "tensor", 1);
  *tensor = {nullptr, 0, dtype};
  const int64_t size = dtype_bytes(dtype);
  if (size == 0)
    fail(OUTRIGHT_UNSUPPORTED,
         "alloc: no buffers of %s; this backend stores float32, bfloat16, int32 and int16 only",
         dtype_name(dtype));
  check.sizes({{"count", count}});
  tensor->data = device.allocator.allocate(check.elements("the buffer", {count, size}), place);
  tensor->count = count;
}

}  // namespace

void allocate(Device& device, int32_t dtype, int64_t count, outright_tensor* tensor) {
  allocate(Check("alloc"), device, dtype, count, Place::kLow, tensor);
}

void allocate_lasting(Device& device, int32_t dtype, int64_t count, outright_tensor* tensor) {
  allocate(Check("alloc_lasting"), device, dtype, count, Place::kHigh, tensor);
}

void release(Device& device, const outright_tensor* tensor) {
  const Check check("free");
  check.host(tensor, "tensor", 1);
  if (!device.allocator.release(tensor->data))
    check.invalid("the pointer is not a live buffer of this device");
}

void memory_stats(Device& device, outright_memory_stats* stats) {
  const Allocator& allocator = device.allocator;
  *stats = {allocator.live_bytes(), allocator.peak_bytes(), allocator.cached_bytes(),
            allocator.live_buffers(), device.workspace_bytes()};
}

void reset_peak(Device& device) { device.allocator.reset_peak(); }

void trim(Device& device) {
  device.allocator.trim();
  device.release_workspace();
}

void copy_in(Device&, const outright_tensor* target, int64_t offset, const void* source, int64_t count) {
  const Check check("write");
  const Span to = span(check, target, "the buffer", offset, count);
  check.host(source, "source", count);
  if (to.bytes) std::memcpy(to.data, source, to.bytes);
}

void copy_out(Device&, const outright_tensor* source, int64_t offset, void* target, int64_t count) {
  const Check check("read");
  const Span from = span(check, source, "the buffer", offset, count);
  check.host(target, "target", count);
  if (from.bytes) std::memcpy(target, from.data, from.bytes);
}

void copy(Device&, const outright_tensor* target, int64_t target_offset, const outright_tensor* source,
          int64_t source_offset, int64_t count) {
  const Check check("copy");
  const Span to = span(check, target, "target", target_offset, count);
  const Span from = span(check, source, "source", source_offset, count);
  if (target->dtype != source->dtype)
    check.invalid("target is %s, source %s", dtype_name(target->dtype), dtype_name(source->dtype));
  if (to.bytes) std::memmove(to.data, from.data, to.bytes);
}

void fill(Device& device, const outright_tensor* target, double value) {
  const Check check("fill");
  span(check, target, "the buffer", 0, target ? target->count : 0);
  if (target->dtype == OUTRIGHT_INT32) {
    fill_whole<int32_t>(check, target, value);
  } else if (target->dtype == OUTRIGHT_INT16) {
    fill_whole<int16_t>(check, target, value);
  } else {
    with_storage(target, [&](auto storage) {
      using X = decltype(storage);
      X* data = static_cast<X*>(target->data);
      const X filling = from_float<X>(static_cast<float>(value));
      for_chunks(device, target->count, 1,
                 [&](int64_t begin, int64_t end) { std::fill(data + begin, data + end, filling); });
    });
  }
}

}  // namespace outright::cpu
