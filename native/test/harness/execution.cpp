#include "execution.h"

#include <cstring>

namespace outright::test {

namespace {

template <typename T>
std::vector<unsigned char> Pack(const std::vector<T>& values) {
  std::vector<unsigned char> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<unsigned char> Contents(const Argument& argument, int32_t dtype) {
  if (dtype == OUTRIGHT_INT32) return Pack(argument.integers);
  if (argument.host) return Pack(argument.values);
  if (dtype != OUTRIGHT_FLOAT32) {
    return std::vector<unsigned char>(argument.values.size() * static_cast<size_t>(DtypeBytes(dtype)));
  }
  return Pack(std::vector<float>(argument.values.begin(), argument.values.end()));
}

}  // namespace

Execution::Execution(const Device& device, const Case& c, int32_t float_dtype) : device_(device), case_(c) {
  int64_t shift = static_cast<int64_t>(c.seed() % 16);
  for (const Argument& argument : c.arguments) {
    if (argument.absent) continue;
    const int32_t dtype = argument.dtype == OUTRIGHT_FLOAT32 ? float_dtype : argument.dtype;
    // Every buffer starts at another offset from a cache line; half of the cases have aligned ones.
    shift = (c.seed() & 16) != 0 ? 0 : (shift + 5) % 16;
    buffers_[argument.name] = std::make_unique<GuardedBuffer>(device, dtype, argument.count(),
                                                              argument.host ? 0 : shift, argument.host);
    uploaded_[argument.name] = Contents(argument, dtype);
    buffers_[argument.name]->Upload(uploaded_[argument.name].data());
  }
}

outright_status Execution::Run(const std::function<void(Call&)>& change) {
  Call call{device_.api(), device_.get(), {}};
  for (const auto& [name, buffer] : buffers_) call.tensors[name] = buffer->tensor();
  if (change) change(call);
  return case_.run(call);
}

void Execution::Reset() {
  for (const Argument& argument : case_.arguments) {
    if (!argument.absent && argument.role != Role::kInput) {
      buffers_.at(argument.name)->Upload(uploaded_.at(argument.name).data());
    }
  }
}

std::string Execution::CheckMemory() const {
  for (const Argument& argument : case_.arguments) {
    if (argument.absent) continue;
    const std::string guard = buffers_.at(argument.name)->CheckGuards();
    if (!guard.empty()) return argument.name + " was written outside, " + guard;
    if (argument.role == Role::kInput && Bytes(argument.name) != uploaded_.at(argument.name)) {
      return "input " + argument.name + " was changed";
    }
  }
  return "";
}

std::string Execution::CheckUntouched() const {
  for (const Argument& argument : case_.arguments) {
    if (!argument.absent && Bytes(argument.name) != uploaded_.at(argument.name)) {
      return argument.name + " was written although the call was refused";
    }
  }
  return "";
}

std::vector<double> Execution::Read(const std::string& name) const {
  const GuardedBuffer& buffer = *buffers_.at(name);
  const std::vector<unsigned char> bytes = buffer.Download();
  std::vector<double> values(static_cast<size_t>(buffer.tensor().count));
  for (size_t i = 0; i < values.size(); ++i) {
    if (buffer.tensor().dtype == OUTRIGHT_FLOAT64) {
      std::memcpy(&values[i], bytes.data() + i * sizeof(double), sizeof(double));
    } else {
      float value;
      std::memcpy(&value, bytes.data() + i * sizeof(float), sizeof value);
      values[i] = static_cast<double>(value);
    }
  }
  return values;
}

std::vector<unsigned char> Execution::Bytes(const std::string& name) const {
  return buffers_.at(name)->Download();
}

}  // namespace outright::test
