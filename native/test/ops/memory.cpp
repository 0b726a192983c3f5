// Buffers and copies: what every other operation stands on. Checks rather than cases: there is nothing to
// compute.
#include <cstdint>
#include <cstring>
#include <utility>

#include "ops.h"

namespace outright::test {

namespace {

// A buffer that is given back at the end of the block.
class Owned {
 public:
  Owned(Device& device, int32_t dtype, int64_t count) : device_(device) {
    status = device.api().alloc(device.get(), dtype, count, &tensor);
  }
  ~Owned() {
    if (status == OUTRIGHT_OK) device_.api().free(device_.get(), &tensor);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  outright_tensor tensor{};
  outright_status status;

 private:
  Device& device_;
};

std::vector<float> Counting(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) + 0.5F;
  return values;
}

outright_memory_stats Stats(Device& device) {
  outright_memory_stats stats{};
  device.api().memory(device.get(), &stats);
  return stats;
}

std::string CheckRoundTrip(Device& device) {
  const outright_backend& api = device.api();
  Owned buffer(device, OUTRIGHT_FLOAT32, 100);
  if (buffer.status != OUTRIGHT_OK) return device.LastError();
  const std::vector<float> source = Counting(100);
  std::vector<float> target(100);
  if (api.write(device.get(), &buffer.tensor, 0, source.data(), 100) != OUTRIGHT_OK)
    return device.LastError();
  if (api.write(device.get(), &buffer.tensor, 90, source.data(), 10) != OUTRIGHT_OK)
    return device.LastError();
  if (api.read(device.get(), &buffer.tensor, 0, target.data(), 100) != OUTRIGHT_OK) return device.LastError();
  for (size_t i = 0; i < 100; ++i) {
    if (target[i] != source[i < 90 ? i : i - 90])
      return "element " + std::to_string(i) + " came back changed";
  }
  float one = 0.0F;
  if (api.read(device.get(), &buffer.tensor, 93, &one, 1) != OUTRIGHT_OK) return device.LastError();
  if (one != source[3]) return "a read at an offset gave another element";
  if (api.read(device.get(), &buffer.tensor, 100, &one, 0) != OUTRIGHT_OK)
    return "reading nothing at the end was refused";
  return "";
}

std::string CheckCopy(Device& device) {
  const outright_backend& api = device.api();
  Owned a(device, OUTRIGHT_FLOAT32, 50);
  Owned b(device, OUTRIGHT_FLOAT32, 40);
  const std::vector<float> source = Counting(50);
  std::vector<float> target(50);
  api.write(device.get(), &a.tensor, 0, source.data(), 50);
  if (api.fill(device.get(), &b.tensor, -1.0) != OUTRIGHT_OK) return device.LastError();
  if (api.copy(device.get(), &b.tensor, 5, &a.tensor, 20, 30) != OUTRIGHT_OK) return device.LastError();
  api.read(device.get(), &b.tensor, 0, target.data(), 40);
  for (size_t i = 0; i < 40; ++i) {
    const float expected = i >= 5 && i < 35 ? source[i + 15] : -1.0F;
    if (target[i] != expected) return "element " + std::to_string(i) + " is wrong after a copy";
  }
  // Overlapping, both ways.
  for (const auto& [to, from] : {std::pair<int64_t, int64_t>{3, 0}, {0, 3}}) {
    api.write(device.get(), &a.tensor, 0, source.data(), 50);
    if (api.copy(device.get(), &a.tensor, to, &a.tensor, from, 40) != OUTRIGHT_OK) return device.LastError();
    api.read(device.get(), &a.tensor, 0, target.data(), 50);
    for (int64_t i = 0; i < 40; ++i) {
      if (target[static_cast<size_t>(to + i)] != source[static_cast<size_t>(from + i)])
        return "an overlapping copy went wrong";
    }
  }
  return "";
}

std::string CheckFill(Device& device) {
  const outright_backend& api = device.api();
  Owned floats(device, OUTRIGHT_FLOAT32, 33);
  Owned integers(device, OUTRIGHT_INT32, 33);
  std::vector<float> values(33);
  std::vector<int32_t> whole(33);
  if (api.fill(device.get(), &floats.tensor, 0.1) != OUTRIGHT_OK) return device.LastError();
  if (api.fill(device.get(), &integers.tensor, -7.0) != OUTRIGHT_OK) return device.LastError();
  api.read(device.get(), &floats.tensor, 0, values.data(), 33);
  api.read(device.get(), &integers.tensor, 0, whole.data(), 33);
  for (size_t i = 0; i < 33; ++i) {
    if (values[i] != 0.1F || whole[i] != -7) return "element " + std::to_string(i) + " was not filled";
  }
  for (const double wrong : {0.5, 3e9, kNaN}) {
    if (api.fill(device.get(), &integers.tensor, wrong) != OUTRIGHT_INVALID) {
      return "an int32 buffer took " + std::to_string(wrong);
    }
  }
  Owned shorts(device, OUTRIGHT_INT16, 33);
  std::vector<int16_t> low(33);
  if (api.fill(device.get(), &shorts.tensor, -32768.0) != OUTRIGHT_OK) return device.LastError();
  api.read(device.get(), &shorts.tensor, 0, low.data(), 33);
  if (low != std::vector<int16_t>(33, -32768)) return "an int16 buffer was not filled";
  for (const double wrong : {0.5, 32768.0, kNaN}) {
    if (api.fill(device.get(), &shorts.tensor, wrong) != OUTRIGHT_INVALID)
      return "an int16 buffer took " + std::to_string(wrong);
  }
  return "";
}

std::string CheckRanges(Device& device) {
  const outright_backend& api = device.api();
  Owned a(device, OUTRIGHT_FLOAT32, 10);
  Owned b(device, OUTRIGHT_FLOAT32, 10);
  Owned integers(device, OUTRIGHT_INT32, 10);
  std::vector<float> host(32, 1.0F);
  const int64_t most = std::numeric_limits<int64_t>::max();
  for (const auto& [offset, count] :
       {std::pair<int64_t, int64_t>{0, 11}, {8, 3}, {-1, 2}, {2, -1}, {most, 1}, {1, most}, {11, 0}}) {
    const std::string range = std::to_string(offset) + " + " + std::to_string(count) + " of 10";
    if (api.write(device.get(), &a.tensor, offset, host.data(), count) != OUTRIGHT_INVALID)
      return "write took " + range;
    if (api.read(device.get(), &a.tensor, offset, host.data(), count) != OUTRIGHT_INVALID)
      return "read took " + range;
    if (api.copy(device.get(), &a.tensor, offset, &b.tensor, 0, count) != OUTRIGHT_INVALID)
      return "copy to took " + range;
    if (api.copy(device.get(), &b.tensor, 0, &a.tensor, offset, count) != OUTRIGHT_INVALID)
      return "copy from took " + range;
    if (device.LastError().empty()) return "a refusal without a message";
  }
  if (api.copy(device.get(), &a.tensor, 0, &integers.tensor, 0, 5) != OUTRIGHT_INVALID)
    return "copy mixed dtypes";
  return "";
}

std::string CheckCounting(Device& device) {
  const outright_backend& api = device.api();
  const outright_memory_stats before = Stats(device);
  {
    Owned a(device, OUTRIGHT_FLOAT32, 1000);
    Owned b(device, OUTRIGHT_INT32, 1);
    Owned none(device, OUTRIGHT_FLOAT32, 0);
    if (a.status != OUTRIGHT_OK || b.status != OUTRIGHT_OK || none.status != OUTRIGHT_OK)
      return device.LastError();
    if (reinterpret_cast<uintptr_t>(a.tensor.data) % 64 != 0 ||
        reinterpret_cast<uintptr_t>(b.tensor.data) % 64 != 0) {
      return "a buffer is not aligned to 64 bytes";
    }
    const outright_memory_stats during = Stats(device);
    if (during.live_bytes < before.live_bytes + 4004) return "live_bytes does not count new buffers";
    if (during.peak_bytes < during.live_bytes) return "peak_bytes is below live_bytes";
  }
  const outright_memory_stats after = Stats(device);
  if (after.live_bytes != before.live_bytes || after.live_buffers != before.live_buffers) {
    return "freed buffers are still counted";
  }
  api.reset_peak(device.get());
  if (Stats(device).peak_bytes != after.live_bytes) return "reset_peak did not";
  api.trim(device.get());
  if (Stats(device).cached_bytes != 0) return "trim kept unused memory";
  return "";
}

std::string CheckFree(Device& device) {
  const outright_backend& api = device.api();
  Owned buffer(device, OUTRIGHT_FLOAT32, 16);
  float foreign = 0.0F;
  const outright_tensor stranger{&foreign, 1, OUTRIGHT_FLOAT32};
  if (api.free(device.get(), &stranger) != OUTRIGHT_INVALID) return "free took a foreign pointer";
  outright_tensor inside = buffer.tensor;
  inside.data = static_cast<float*>(inside.data) + 1;
  if (api.free(device.get(), &inside) != OUTRIGHT_INVALID) return "free took a pointer into a buffer";
  outright_tensor twice{};
  api.alloc(device.get(), OUTRIGHT_FLOAT32, 16, &twice);
  if (api.free(device.get(), &twice) != OUTRIGHT_OK) return device.LastError();
  if (api.free(device.get(), &twice) != OUTRIGHT_INVALID) return "free took a buffer twice";
  return "";
}

std::string CheckOutOfMemory(Device& device) {
  outright_tensor tensor{};
  for (const int64_t count : {int64_t{1} << 55, int64_t{1} << 61, std::numeric_limits<int64_t>::max()}) {
    const outright_status status = device.api().alloc(device.get(), OUTRIGHT_FLOAT32, count, &tensor);
    // More bytes than int64_t counts may be called either.
    const bool refused =
        status == OUTRIGHT_OUT_OF_MEMORY || (status == OUTRIGHT_INVALID && count > int64_t{1} << 60);
    if (!refused) return "an impossible size gave status " + std::string(StatusName(status));
    if (device.LastError().empty()) return "no message";
  }
  if (device.api().alloc(device.get(), OUTRIGHT_FLOAT32, -1, &tensor) != OUTRIGHT_INVALID)
    return "a negative size was taken";
  if (device.api().alloc(device.get(), 99, 1, &tensor) == OUTRIGHT_OK) return "an unknown dtype was taken";
  return "";
}

// A buffer that is reused is the caller's alone.
std::string CheckReuse(Device& device) {
  const outright_backend& api = device.api();
  std::vector<outright_tensor> live;
  std::vector<float> value(1);
  for (int round = 0; round < 200; ++round) {
    outright_tensor tensor{};
    const int64_t count = 1 + (round * 37) % 300;
    const auto allocate = round % 4 == 0 ? api.alloc_lasting : api.alloc;
    if (allocate(device.get(), OUTRIGHT_FLOAT32, count, &tensor) != OUTRIGHT_OK) return device.LastError();
    if (reinterpret_cast<uintptr_t>(tensor.data) % 64 != 0) return "a buffer is not aligned to 64 bytes";
    api.fill(device.get(), &tensor, round);
    live.push_back(tensor);
    if (round % 3 == 2) {
      const size_t victim = static_cast<size_t>(round) % live.size();
      api.free(device.get(), &live[victim]);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(victim));
    }
  }
  std::string wrong;
  for (const outright_tensor& tensor : live) {
    std::vector<float> contents(static_cast<size_t>(tensor.count));
    api.read(device.get(), &tensor, 0, contents.data(), tensor.count);
    for (const float element : contents) {
      if (element != contents[0]) wrong = "two live buffers overlap";
    }
    api.free(device.get(), &tensor);
  }
  return wrong;
}

// Passes that make buffers, free them in reverse and make lasting ones meanwhile: from the second pass on
// they need no more memory than the first, and no more than what lives at once.
std::string CheckPasses(Device& device) {
  const outright_backend& api = device.api();
  if (!device.OnHost()) return "";
  constexpr int64_t kLargest = 40000;
  api.trim(device.get());
  api.reset_peak(device.get());
  std::string wrong;
  int64_t held = 0;
  for (int pass = 0; pass < 5; ++pass) {
    std::vector<outright_tensor> buffers;
    std::vector<outright_tensor> lasting;
    const auto make = [&](std::vector<outright_tensor>& list, bool lasts, int64_t count) {
      outright_tensor tensor{};
      const auto allocate = lasts ? api.alloc_lasting : api.alloc;
      if (allocate(device.get(), OUTRIGHT_FLOAT32, count, &tensor) != OUTRIGHT_OK) wrong = device.LastError();
      list.push_back(tensor);
    };
    for (int64_t layer = 0; layer < 6; ++layer)
      for (const int64_t count : {8000, 1000, 4000}) make(buffers, false, count);
    make(lasting, true, kLargest);
    while (!buffers.empty()) {
      api.free(device.get(), &buffers.back());
      buffers.pop_back();
      if (buffers.size() % 3 == 0) make(lasting, true, 3000);
    }
    make(lasting, true, kLargest);
    for (const outright_tensor& tensor : lasting) api.free(device.get(), &tensor);
    const outright_memory_stats stats = Stats(device);
    if (pass == 0) held = stats.cached_bytes;
    if (stats.cached_bytes > held) wrong = "a later pass needed more memory";
    // 64 bytes for each of 26 buffers in builds that check every access
    if (stats.cached_bytes > stats.peak_bytes - stats.live_bytes + 26 * 64)
      wrong = std::to_string(stats.cached_bytes) + " bytes are held for a peak of " +
              std::to_string(stats.peak_bytes - stats.live_bytes);
  }
  return wrong;
}

std::string CheckInfo(Device& device) {
  outright_device_info info{};
  if (device.api().info(device.get(), &info) != OUTRIGHT_OK) return device.LastError();
  if (info.threads < 1) return "no threads";
  if (!info.matmul || !*info.matmul || !info.hardware || !*info.hardware)
    return "nothing about matmul or hardware";
  return "";
}

std::string CheckOpen(Device& device) {
  outright_open_options options{};
  options.threads = -7;
  outright_device* opened = nullptr;
  if (device.OnHost() && device.api().open(&options, &opened) == OUTRIGHT_OK) {
    device.api().close(opened);
    return "a device opened with a negative number of threads";
  }
  const char* message = device.api().last_error(nullptr);
  if (device.OnHost() && (!message || !std::strstr(message, "-7")))
    return "the message does not name the wrong value";
  options.threads = 0;
  if (device.api().open(&options, &opened) != OUTRIGHT_OK) return "the defaults do not open";
  device.api().close(opened);
  device.api().close(nullptr);
  return "";
}

}  // namespace

void AddMemory(Suite& suite) {
  suite.checks.push_back({"open", "defaults, unknown options", CheckOpen});
  suite.checks.push_back({"info", "says something", CheckInfo});
  suite.checks.push_back({"write", "and read round trip", CheckRoundTrip});
  suite.checks.push_back({"copy", "disjoint and overlapping", CheckCopy});
  suite.checks.push_back({"fill", "floats and integers", CheckFill});
  suite.checks.push_back({"copy", "ranges outside buffers", CheckRanges});
  suite.checks.push_back({"memory", "is counted", CheckCounting});
  suite.checks.push_back({"free", "of what is not ours", CheckFree});
  suite.checks.push_back({"alloc", "of too much", CheckOutOfMemory});
  suite.checks.push_back({"alloc", "reuses without overlap", CheckReuse});
  suite.checks.push_back({"alloc_lasting", "leaves no holes", CheckPasses});
}

}  // namespace outright::test
