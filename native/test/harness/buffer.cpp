#include "buffer.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace outright::test {

namespace {
constexpr int64_t kBand = 256;
constexpr unsigned char kSentinel = 0xFF;
}  // namespace

GuardedBuffer::GuardedBuffer(const Device& device, int32_t dtype, int64_t count, int64_t shift, bool host)
    : device_(device),
      host_(host || device.OnHost()),
      front_(kBand + shift * DtypeBytes(dtype)),
      bytes_(count * DtypeBytes(dtype)),
      total_(front_ + bytes_ + kBand) {
  view_ = {nullptr, count, dtype};
  if (host_) {
    const size_t rounded = static_cast<size_t>((total_ + 63) / 64 * 64);
    memory_ = static_cast<unsigned char*>(std::aligned_alloc(64, rounded));
    if (!memory_) throw std::runtime_error("out of host memory");
    view_.data = memory_ + front_;
  } else {
    if (device_.api().alloc(device_.get(), dtype, total_ / DtypeBytes(dtype), &base_) != OUTRIGHT_OK) {
      throw std::runtime_error(device_.LastError());
    }
    view_.data = static_cast<unsigned char*>(base_.data) + front_;
  }
  Store(std::vector<unsigned char>(static_cast<size_t>(total_), kSentinel));
  Poison();
}

GuardedBuffer::~GuardedBuffer() {
  if (host_) {
    Unpoison();
    std::free(memory_);
  } else {
    device_.api().free(device_.get(), &base_);
  }
}

void GuardedBuffer::Upload(const void* source) {
  if (bytes_ == 0) return;
  if (host_) {
    std::memcpy(view_.data, source, static_cast<size_t>(bytes_));
  } else if (device_.api().write(device_.get(), &view_, 0, source, view_.count) != OUTRIGHT_OK) {
    throw std::runtime_error(device_.LastError());
  }
}

std::vector<unsigned char> GuardedBuffer::Download() const {
  std::vector<unsigned char> target(static_cast<size_t>(bytes_));
  if (bytes_ == 0) return target;
  if (host_) {
    std::memcpy(target.data(), view_.data, target.size());
  } else if (device_.api().read(device_.get(), &view_, 0, target.data(), view_.count) != OUTRIGHT_OK) {
    throw std::runtime_error(device_.LastError());
  }
  return target;
}

std::string GuardedBuffer::CheckGuards() const {
  const std::vector<unsigned char> whole = Whole();
  for (int64_t i = 0; i < front_; ++i) {
    if (whole[static_cast<size_t>(i)] != kSentinel)
      return std::to_string(front_ - i) + " bytes before its start";
  }
  for (int64_t i = front_ + bytes_; i < total_; ++i) {
    if (whole[static_cast<size_t>(i)] != kSentinel)
      return std::to_string(i - front_ - bytes_) + " bytes after its end";
  }
  return "";
}

void GuardedBuffer::DamageGuard(bool behind) {
  std::vector<unsigned char> whole = Whole();
  whole[static_cast<size_t>(behind ? front_ + bytes_ : front_ - 1)] = 0;
  Store(whole);
}

std::vector<unsigned char> GuardedBuffer::Whole() const {
  std::vector<unsigned char> whole(static_cast<size_t>(total_));
  if (host_) {
    Unpoison();
    std::memcpy(whole.data(), memory_, whole.size());
    Poison();
  } else if (device_.api().read(device_.get(), &base_, 0, whole.data(), base_.count) != OUTRIGHT_OK) {
    throw std::runtime_error(device_.LastError());
  }
  return whole;
}

void GuardedBuffer::Store(const std::vector<unsigned char>& whole) {
  if (host_) {
    Unpoison();
    std::memcpy(memory_, whole.data(), whole.size());
    Poison();
  } else if (device_.api().write(device_.get(), &base_, 0, whole.data(), base_.count) != OUTRIGHT_OK) {
    throw std::runtime_error(device_.LastError());
  }
}

void GuardedBuffer::Poison() const {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(memory_, static_cast<size_t>(front_));
  __asan_poison_memory_region(memory_ + front_ + bytes_, static_cast<size_t>(kBand));
#endif
}

void GuardedBuffer::Unpoison() const {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(memory_, static_cast<size_t>(total_));
#endif
}

}  // namespace outright::test
