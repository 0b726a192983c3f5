// A buffer between two guard bands. The bands hold 0xFF bytes: NaN as a float, -1 as an id, so that a stray
// read shows in the result; a stray write shows in the bands. Under AddressSanitizer both stop the program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"

namespace outright::test {

class GuardedBuffer {
 public:
  // A device buffer. `shift` elements are added in front, so that data is not always aligned to a cache line.
  // `host` places it in the caller's memory on every backend.
  GuardedBuffer(const Device& device, int32_t dtype, int64_t count, int64_t shift, bool host);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  const outright_tensor& tensor() const { return view_; }
  void Upload(const void* source);
  std::vector<unsigned char> Download() const;
  // Empty when both bands are as they were, else which byte was written.
  std::string CheckGuards() const;
  // Changes one byte beside the data, to see whether CheckGuards notices.
  void DamageGuard(bool behind);

 private:
  std::vector<unsigned char> Whole() const;
  void Store(const std::vector<unsigned char>& whole);
  void Poison() const;
  void Unpoison() const;

  const Device& device_;
  bool host_;
  int64_t front_;
  int64_t bytes_;
  int64_t total_;
  unsigned char* memory_ = nullptr;  // where host_
  outright_tensor base_{};           // elsewhere
  outright_tensor view_{};
};

}  // namespace outright::test
