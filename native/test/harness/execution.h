// One case on one device: its arguments in guarded buffers, the call, and what came back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "buffer.h"
#include "case.h"

namespace outright::test {

class Execution {
 public:
  // `other` replaces the dtype of weights and activations, of all float32 tensors where there are none
  // (support mode); their contents are then zero.
  Execution(const Device& device, const Case& c, std::optional<int32_t> other = std::nullopt);

  // `change` may alter the tensors just before the call.
  outright_status Run(const std::function<void(Call&)>& change = nullptr);
  // Puts every output back to what it was before the call.
  void Reset();
  // A written guard band or a changed input, in words; "" when there is none.
  std::string CheckMemory() const;
  // Whether outputs still hold what they held before the call.
  std::string CheckUntouched() const;

  std::vector<double> Read(const std::string& name) const;
  std::vector<unsigned char> Bytes(const std::string& name) const;
  GuardedBuffer& Buffer(const std::string& name) { return *buffers_.at(name); }

 private:
  const Device& device_;
  const Case& case_;
  std::map<std::string, std::unique_ptr<GuardedBuffer>> buffers_;
  std::map<std::string, std::vector<unsigned char>> uploaded_;
};

}  // namespace outright::test
