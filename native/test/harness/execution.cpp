#include "execution.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace outright::test {

namespace {

template <typename T>
std::vector<unsigned char> Pack(const std::vector<T>& values) {
  std::vector<unsigned char> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// bfloat16 numbers are the upper halves of float32 ones.
std::vector<uint16_t> UpperHalves(const std::vector<float>& values) {
  std::vector<uint16_t> halves;
  for (const float value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    halves.push_back(static_cast<uint16_t>(bits >> 16));
  }
  return halves;
}

std::vector<int16_t> Shorts(const std::vector<double>& values) {
  std::vector<int16_t> shorts;
  for (const double value : values)  // an output's NaN is any number
    shorts.push_back(std::isnan(value) ? INT16_MIN : static_cast<int16_t>(value));
  return shorts;
}

std::vector<unsigned char> Contents(const Argument& argument, int32_t dtype) {
  if (dtype == OUTRIGHT_INT32) return Pack(argument.integers);
  if (argument.host) return Pack(argument.values);
  if (dtype == OUTRIGHT_INT16) return Pack(Shorts(argument.values));
  if (dtype != argument.dtype) {
    return std::vector<unsigned char>(argument.values.size() * static_cast<size_t>(DtypeBytes(dtype)));
  }
  const std::vector<float> floats(argument.values.begin(), argument.values.end());
  return dtype == OUTRIGHT_BFLOAT16 ? Pack(UpperHalves(floats)) : Pack(floats);
}

double Element(const unsigned char* bytes, int32_t dtype, size_t i) {
  if (dtype == OUTRIGHT_FLOAT64) {
    double value;
    std::memcpy(&value, bytes + i * sizeof value, sizeof value);
    return value;
  }
  if (dtype == OUTRIGHT_INT16) {
    int16_t value;
    std::memcpy(&value, bytes + i * sizeof value, sizeof value);
    return value;
  }
  uint32_t bits = 0;
  if (dtype == OUTRIGHT_BFLOAT16) {
    uint16_t half;
    std::memcpy(&half, bytes + i * sizeof half, sizeof half);
    bits = static_cast<uint32_t>(half) << 16;
  } else {
    std::memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
  }
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}

}  // namespace

Execution::Execution(const Device& device, const Case& c, std::optional<int32_t> other)
    : device_(device), case_(c) {
  const bool any_stored = std::any_of(c.arguments.begin(), c.arguments.end(),
                                      [](const Argument& argument) { return argument.stored; });
  int64_t shift = static_cast<int64_t>(c.seed() % 16);
  for (const Argument& argument : c.arguments) {
    if (argument.absent) continue;
    const bool replaced = any_stored ? argument.stored : argument.dtype == OUTRIGHT_FLOAT32;
    const int32_t dtype = replaced ? other.value_or(argument.dtype) : argument.dtype;
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
  for (size_t i = 0; i < values.size(); ++i) values[i] = Element(bytes.data(), buffer.tensor().dtype, i);
  return values;
}

std::vector<unsigned char> Execution::Bytes(const std::string& name) const {
  return buffers_.at(name)->Download();
}

}  // namespace outright::test
