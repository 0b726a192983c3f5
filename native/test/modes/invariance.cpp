#include <algorithm>
#include <memory>

#include "common.h"

namespace outright::test {

namespace {

std::string SameOutputs(const Case& c, const Execution& first, const Execution& second) {
  for (const Argument& argument : c.arguments) {
    if (argument.absent || argument.role == Role::kInput) continue;
    if (first.Bytes(argument.name) != second.Bytes(argument.name)) return argument.name + " has other bits";
  }
  return "";
}

// Each case three times on each device.
std::string SameOnAll(const Case& c, const std::vector<std::unique_ptr<Device>>& devices) {
  Execution first(*devices[0], c);
  const outright_status status = first.Run();
  if (status != OUTRIGHT_OK) return Refusal(*devices[0], status);
  for (size_t d = 0; d < devices.size(); ++d) {
    Execution again(*devices[d], c);
    for (int run = 0; run < 2; ++run) {
      again.Reset();
      if (again.Run() != OUTRIGHT_OK) return Refusal(*devices[d], OUTRIGHT_INTERNAL);
      const std::string wrong = SameOutputs(c, first, again);
      if (!wrong.empty())
        return wrong + " with " + std::to_string(d + 1) + " threads, run " + std::to_string(run + 1);
    }
  }
  return "";
}

// Selections of rows: alone or few at first, then others around them, at other places, in other numbers.
std::vector<std::vector<int64_t>> Selections(int64_t rows) {
  std::vector<std::vector<int64_t>> selections;
  for (const int64_t row : {int64_t{0}, rows / 2, rows - 1}) selections.push_back({row});
  // A few, for which operations may have ways of their own.
  for (int64_t count = 2; count < std::min<int64_t>(rows, 10); ++count) {
    selections.emplace_back();
    for (int64_t i = 0; i < count; ++i) selections.back().push_back(rows - count + i);
  }
  std::vector<int64_t> reversed;
  std::vector<int64_t> odd;
  std::vector<int64_t> shifted;
  for (int64_t i = 0; i < rows; ++i) {
    reversed.push_back(rows - 1 - i);
    if (i % 2 == 1) odd.push_back(i);
    shifted.push_back((i + 5) % rows);
  }
  std::vector<int64_t> longer = shifted;
  longer.insert(longer.end(), reversed.begin(), reversed.end());
  selections.push_back(std::move(reversed));
  selections.push_back(std::move(odd));
  selections.push_back(std::move(shifted));
  selections.push_back(std::move(longer));
  return selections;
}

std::string CheckRows(const RowFamily& family, Device& device) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < family.rows; ++i) all.push_back(i);
  const Case whole = family.make(all);
  Execution reference(device, whole);
  outright_status status = reference.Run();
  if (status != OUTRIGHT_OK) return Refusal(device, status);
  for (const std::vector<int64_t>& selection : Selections(family.rows)) {
    if (selection.empty()) continue;
    const Case part = family.make(selection);
    Execution execution(device, part);
    status = execution.Run();
    if (status != OUTRIGHT_OK) return Refusal(device, status);
    for (const std::string& output : family.outputs) {
      const std::vector<unsigned char> expected = reference.Bytes(output);
      const std::vector<unsigned char> got = execution.Bytes(output);
      const size_t width = expected.size() / static_cast<size_t>(family.rows);
      for (size_t i = 0; i < selection.size(); ++i) {
        const auto at =
            expected.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(selection[i]) * width);
        const auto got_at = got.begin() + static_cast<std::ptrdiff_t>(i * width);
        if (!std::equal(at, at + static_cast<std::ptrdiff_t>(width), got_at)) {
          return output + ": row " + std::to_string(selection[i]) + " has other bits at place " +
                 std::to_string(i) + " of " + std::to_string(selection.size()) + " than among all " +
                 std::to_string(family.rows);
        }
      }
    }
  }
  return "";
}

}  // namespace

void RunInvariance(const Suite& suite, const outright_backend& api, const Options& options, Tally& tally) {
  std::vector<std::unique_ptr<Device>> devices;
  for (const int threads : {1, 2, 3}) devices.push_back(std::make_unique<Device>(api, threads));
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name)) continue;
    const Case c = entry.build();
    if (c.expected != OUTRIGHT_OK) continue;
    tally.Record(entry.op, "same bits of " + entry.name, Guarded([&] { return SameOnAll(c, devices); }),
                 options.verbose);
  }
  for (const RowFamily& family : suite.families) {
    if (!Selected(options, family.op, family.name)) continue;
    for (const auto& device : {devices[0].get(), devices[2].get()}) {
      tally.Record(family.op, "rows of " + family.name, Guarded([&] { return CheckRows(family, *device); }),
                   options.verbose);
    }
  }
  for (const Check& check : suite.invariants) {
    if (!Selected(options, check.op, check.name)) continue;
    tally.Record(check.op, check.name, Guarded([&] { return check.run(*devices[1]); }), options.verbose);
  }
}

}  // namespace outright::test
