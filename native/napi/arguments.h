// Reads and checks the arguments of a native call, one after the other. Complaints name the operation and the
// argument.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "outright/backend.h"

namespace outright::napi {

// The live buffers of one device, by the number that JavaScript knows them by.
using Buffers = std::unordered_map<uint64_t, outright_tensor>;

class Arguments {
 public:
  Arguments(const Napi::CallbackInfo& info, const Buffers& buffers, const char* operation)
      : info_(info), buffers_(buffers), operation_(operation) {}

  // A live buffer.
  const outright_tensor* tensor(const char* name) { return look_up(next(name), name); }

  // A live buffer, or nullptr for 0.
  const outright_tensor* optional(const char* name) {
    const Napi::Value value = next(name);
    if (value.IsNumber() && value.As<Napi::Number>().DoubleValue() == 0) return nullptr;
    return look_up(value, name);
  }

  std::vector<outright_tensor> tensors(const char* name) {
    const Napi::Value value = next(name);
    if (!value.IsArray()) complain(name, "must be a list of handles");
    const Napi::Array list = value.As<Napi::Array>();
    std::vector<outright_tensor> result;
    result.reserve(list.Length());
    for (uint32_t i = 0; i < list.Length(); ++i) result.push_back(*look_up(list.Get(i), name));
    return result;
  }

  // A list in which 0 stands for an absent buffer (count 0).
  std::vector<outright_tensor> optionals(const char* name) {
    const Napi::Value value = next(name);
    if (!value.IsArray()) complain(name, "must be a list of handles");
    const Napi::Array list = value.As<Napi::Array>();
    std::vector<outright_tensor> result;
    result.reserve(list.Length());
    for (uint32_t i = 0; i < list.Length(); ++i) {
      const Napi::Value item = list.Get(i);
      const bool absent = item.IsNumber() && item.As<Napi::Number>().DoubleValue() == 0;
      result.push_back(absent ? outright_tensor{nullptr, 0, OUTRIGHT_FLOAT32} : *look_up(item, name));
    }
    return result;
  }

  int64_t size(const char* name) { return whole(next(name), name); }

  int32_t dtype(const char* name) {
    const std::string word = text(name);
    if (word == "float32") return OUTRIGHT_FLOAT32;
    if (word == "bfloat16") return OUTRIGHT_BFLOAT16;
    if (word == "int32") return OUTRIGHT_INT32;
    if (word == "int16") return OUTRIGHT_INT16;
    complain(name, R"(must be "float32", "bfloat16", "int32" or "int16")");
  }

  std::vector<int64_t> sizes(const char* name, uint32_t count) {
    const Napi::Value value = next(name);
    if (!value.IsArray() || value.As<Napi::Array>().Length() != count)
      complain(name, "must be a list of " + std::to_string(count) + " whole numbers");
    std::vector<int64_t> result;
    for (uint32_t i = 0; i < count; ++i) result.push_back(whole(value.As<Napi::Array>().Get(i), name));
    return result;
  }

  double number(const char* name) {
    const Napi::Value value = next(name);
    if (!value.IsNumber()) complain(name, "must be a number");
    return value.As<Napi::Number>().DoubleValue();
  }

  int32_t flag(const char* name) {
    const Napi::Value value = next(name);
    if (!value.IsBoolean()) complain(name, "must be true or false");
    return value.As<Napi::Boolean>().Value() ? 1 : 0;
  }

  std::string text(const char* name) {
    const Napi::Value value = next(name);
    if (!value.IsString()) complain(name, "must be a text");
    return value.As<Napi::String>().Utf8Value();
  }

  Napi::Object object(const char* name) {
    const Napi::Value value = next(name);
    if (!value.IsObject()) complain(name, "must be an object");
    return value.As<Napi::Object>();
  }

  // A typed array of that kind with at least `count` elements; returns its first element.
  double* float64(const char* name, int64_t count) {
    const Napi::Value value = next(name);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
      complain(name, "must be a Float64Array");
    Napi::Float64Array array = value.As<Napi::Float64Array>();
    if (static_cast<int64_t>(array.ElementLength()) < count)
      complain(name, "has " + std::to_string(array.ElementLength()) + " elements, " + std::to_string(count) +
                         " are needed");
    return array.Data();
  }

  // Host data for a buffer: a Float32Array for float32, an Int32Array for int32, an Int16Array for int16, a
  // Uint16Array for bfloat16.
  Napi::TypedArray host(const char* name, int32_t dtype) {
    const Napi::Value value = next(name);
    const auto [wanted, complaint] = host_array(dtype);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != wanted)
      complain(name, complaint);
    return value.As<Napi::TypedArray>();
  }

  [[noreturn]] void complain(const char* name, const std::string& what) const {
    throw Napi::TypeError::New(info_.Env(), std::string(operation_) + ": " + name + " " + what);
  }

 private:
  static std::pair<napi_typedarray_type, const char*> host_array(int32_t dtype) {
    switch (dtype) {
      case OUTRIGHT_INT32:
        return {napi_int32_array, "must be an Int32Array"};
      case OUTRIGHT_INT16:
        return {napi_int16_array, "must be an Int16Array"};
      case OUTRIGHT_BFLOAT16:
        return {napi_uint16_array, "must be a Uint16Array (the buffer is bfloat16)"};
      default:
        return {napi_float32_array, "must be a Float32Array"};
    }
  }

  Napi::Value next(const char* name) {
    if (index_ >= info_.Length()) complain(name, "is missing");
    return info_[index_++];
  }

  const outright_tensor* look_up(const Napi::Value& value, const char* name) const {
    if (!value.IsNumber()) complain(name, "must be a handle");
    const double number = value.As<Napi::Number>().DoubleValue();
    if (number >= 1 && number <= kLargest && std::floor(number) == number) {
      const auto found = buffers_.find(static_cast<uint64_t>(number));
      if (found != buffers_.end()) return &found->second;
    }
    complain(name, "is no live buffer of this device");
  }

  int64_t whole(const Napi::Value& value, const char* name) const {
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0 && number <= kLargest) || std::floor(number) != number)
      complain(name, "must be a whole number of at least 0");
    return static_cast<int64_t>(number);
  }

  static constexpr double kLargest = 9007199254740991.0;  // 2^53 - 1

  const Napi::CallbackInfo& info_;
  const Buffers& buffers_;
  const char* operation_;
  size_t index_ = 0;
};

}  // namespace outright::napi
