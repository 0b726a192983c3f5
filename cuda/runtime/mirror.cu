#include "mirror.h"

#include <iterator>

namespace outright::cuda {

void Mirror::add(const void* buffer, int64_t count) {
  buffers_[reinterpret_cast<uintptr_t>(buffer)].assign(static_cast<size_t>(count), 0);
}

void Mirror::remove(const void* buffer) { buffers_.erase(reinterpret_cast<uintptr_t>(buffer)); }

const int32_t* Mirror::at(const void* address) const {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  const auto after = buffers_.upper_bound(wanted);
  if (after == buffers_.begin()) fail(OUTRIGHT_INVALID, "an int32 tensor is no buffer of this device");
  const auto& [base, values] = *std::prev(after);
  const size_t offset = (wanted - base) / sizeof(int32_t);
  if (offset > values.size()) fail(OUTRIGHT_INVALID, "an int32 tensor is no buffer of this device");
  return values.data() + offset;
}

int32_t* Mirror::at(void* address) {
  return const_cast<int32_t*>(static_cast<const Mirror*>(this)->at(address));
}

}  // namespace outright::cuda
