// The host's copies of int32 buffers. Ids, targets, positions and spans come from the host and are written by
// nothing else, so a copy of them lets every argument be checked, and every list of tiles be made, without
// waiting for the device.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "shared/check.h"

namespace outright::cuda {

class Mirror : public HostIntegers {
 public:
  void add(const void* buffer, int64_t count);
  void remove(const void* buffer);
  const int32_t* at(const void* address) const override;
  int32_t* at(void* address);

 private:
  std::map<uintptr_t, std::vector<int32_t>> buffers_;
};

}  // namespace outright::cuda
