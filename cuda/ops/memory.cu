// Buffers and copies.
#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/each.cuh"
#include "operations.h"
#include "shared/check.h"
#include "shared/span.h"

namespace outright::cuda {

namespace {

template <typename T>
struct Fill {
  T* data;
  T value;
  template <int n>
  __device__ void at(int64_t i) const {
    Pack<T, n> pack;
#pragma unroll
    for (int k = 0; k < n; ++k) pack.at[k] = value;
    store_pack<n>(data + i, pack);
  }
};

template <typename T>
void fill_with(Device& device, const outright_tensor* target, T value) {
  const T zero{};
  if (std::memcmp(&value, &zero, sizeof value) == 0) {
    const auto bytes = static_cast<size_t>(target->count) * sizeof value;
    if (bytes > 0) expect(cudaMemsetAsync(target->data, 0, bytes, device.stream), "fill");
    return;
  }
  for_each<T>(device, target->count, {target->data}, Fill<T>{static_cast<T*>(target->data), value});
}

template <typename Integer>
Integer whole(const Check& check, const outright_tensor* target, double value) {
  using Limits = std::numeric_limits<Integer>;
  if (!(value >= Limits::min() && value <= Limits::max()) || value != static_cast<Integer>(value))
    check.invalid("%g is not a whole number that %s holds", value, dtype_name(target->dtype));
  return static_cast<Integer>(value);
}

}  // namespace

void allocate(Device& device, int32_t dtype, int64_t count, outright_tensor* tensor) {
  const Check check("alloc");
  check.host(tensor, "tensor", 1);
  *tensor = {nullptr, 0, dtype};
  const int64_t size = dtype_bytes(dtype);
  if (size == 0)
    fail(OUTRIGHT_UNSUPPORTED,
         "alloc: no buffers of %s; this backend stores float32, bfloat16, int32 and int16 only",
         dtype_name(dtype));
  check.sizes({{"count", count}});
  tensor->data = device.allocator.allocate(check.elements("the buffer", {count, size}));
  tensor->count = count;
  if (dtype == OUTRIGHT_INT32) device.mirror.add(tensor->data, count);
}

// Blocks are kept by size, so nothing leaves holes.
void allocate_lasting(Device& device, int32_t dtype, int64_t count, outright_tensor* tensor) {
  allocate(device, dtype, count, tensor);
}

void release(Device& device, const outright_tensor* tensor) {
  const Check check("free");
  check.host(tensor, "tensor", 1);
  if (!device.allocator.release(tensor->data))
    check.invalid("the pointer is not a live buffer of this device");
  device.mirror.remove(tensor->data);
}

void memory_stats(Device& device, outright_memory_stats* stats) {
  const Allocator& allocator = device.allocator;
  *stats = {allocator.live_bytes(), allocator.peak_bytes(), allocator.cached_bytes(),
            allocator.live_buffers(), allocator.scratch_peak_bytes()};
}

void reset_peak(Device& device) { device.allocator.reset_peak(); }

void trim(Device& device) { device.allocator.trim(); }

void copy_in(Device& device, const outright_tensor* target, int64_t offset, const void* source,
             int64_t count) {
  const Check check("write");
  const Span to = span(check, target, "the buffer", offset, count);
  check.host(source, "source", count);
  if (to.bytes == 0) return;
  if (target->dtype == OUTRIGHT_INT32)
    std::copy_n(static_cast<const int32_t*>(source), count, device.mirror.at(static_cast<void*>(to.data)));
  device.staging->to_device(to.data, source, to.bytes);
}

void copy_out(Device& device, const outright_tensor* source, int64_t offset, void* target, int64_t count) {
  const Check check("read");
  const Span from = span(check, source, "the buffer", offset, count);
  check.host(target, "target", count);
  device.staging->to_host(target, from.data, from.bytes);
}

void copy(Device& device, const outright_tensor* target, int64_t target_offset, const outright_tensor* source,
          int64_t source_offset, int64_t count) {
  const Check check("copy");
  const Span to = span(check, target, "target", target_offset, count);
  const Span from = span(check, source, "source", source_offset, count);
  if (target->dtype != source->dtype)
    check.invalid("target is %s, source %s", dtype_name(target->dtype), dtype_name(source->dtype));
  if (to.bytes == 0) return;
  if (target->dtype == OUTRIGHT_INT32) {
    const int32_t* values = device.mirror.at(static_cast<const void*>(from.data));
    int32_t* copies = device.mirror.at(static_cast<void*>(to.data));
    std::memmove(copies, values, to.bytes);
  }
  const auto send = [&](void* here, const void* there) {
    expect(cudaMemcpyAsync(here, there, to.bytes, cudaMemcpyDeviceToDevice, device.stream), "copy");
  };
  // the device's copy does not bear overlap
  if (from.data < to.data + to.bytes && to.data < from.data + from.bytes) {
    const Scratch between(device, to.bytes);
    send(between.as<char>(), from.data);
    send(to.data, between.as<char>());
  } else {
    send(to.data, from.data);
  }
}

void fill(Device& device, const outright_tensor* target, double value) {
  const Check check("fill");
  const Span to = span(check, target, "the buffer", 0, target ? target->count : 0);
  switch (target->dtype) {
    case OUTRIGHT_INT32: {
      const auto number = whole<int32_t>(check, target, value);
      if (to.bytes > 0) std::fill_n(device.mirror.at(static_cast<void*>(to.data)), target->count, number);
      fill_with(device, target, number);
      break;
    }
    case OUTRIGHT_INT16:
      fill_with(device, target, whole<int16_t>(check, target, value));
      break;
    case OUTRIGHT_BFLOAT16:
      fill_with(device, target, round_to_bfloat16(static_cast<float>(value)));
      break;
    default:
      fill_with(device, target, static_cast<float>(value));
  }
}

}  // namespace outright::cuda
