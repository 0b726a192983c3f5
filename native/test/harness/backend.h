// A backend library opened by path, and a device of it.
#pragma once

#include <outright/backend.h>

#include <stdexcept>
#include <string>

namespace outright::test {

// Opens a backend library. Throws std::runtime_error when it cannot be opened or speaks another ABI version.
// Libraries are never unloaded: thread-local state of theirs may outlive main.
class Library {
 public:
  explicit Library(const std::string& path);
  const outright_backend& api() const { return *api_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const outright_backend* api_ = nullptr;
};

// What a backend says it cannot do here, such as a matrix product that is not installed.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An open device. Throws Unsupported, or std::runtime_error with the backend's message when it cannot be
// opened.
class Device {
 public:
  Device(const outright_backend& api, int threads);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const outright_backend& api() const { return api_; }
  outright_device* get() const { return device_; }
  std::string LastError() const;
  // Buffers of such a device are host pointers, which the harness places itself.
  bool OnHost() const;

 private:
  const outright_backend& api_;
  outright_device* device_ = nullptr;
};

const char* StatusName(outright_status status);
const char* DtypeName(int32_t dtype);
int64_t DtypeBytes(int32_t dtype);

}  // namespace outright::test
