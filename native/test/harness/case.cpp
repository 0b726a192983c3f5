#include "case.h"

#include <stdexcept>

namespace outright::test {

namespace {

Argument& FindIn(std::vector<Argument>& arguments, const std::string& name) {
  for (Argument& argument : arguments) {
    if (argument.name == name) return argument;
  }
  throw std::logic_error("no argument named " + name);
}

Entry MakeEntry(const std::string& op, const std::string& name, std::function<void(Case&, Random&)> fill) {
  return {op, name, [op, name, fill = std::move(fill)] {
            Case c;
            c.op = op;
            c.name = name;
            Random random(c.seed());
            fill(c, random);
            return c;
          }};
}

}  // namespace

Argument& Values::Find(const std::string& name) { return FindIn(arguments_, name); }
Argument& Case::Find(const std::string& n) { return FindIn(arguments, n); }

Argument& Case::Input(const std::string& n, std::vector<double> values) {
  Argument& argument = arguments.emplace_back();
  argument.name = n;
  argument.values = AsFloat32(std::move(values));
  return argument;
}

Argument& Case::Ints(const std::string& n, std::vector<int32_t> integers) {
  Argument& argument = arguments.emplace_back();
  argument.name = n;
  argument.dtype = OUTRIGHT_INT32;
  argument.integers = std::move(integers);
  return argument;
}

Argument& Case::Output(const std::string& n, int64_t count, Tolerance tolerance) {
  Argument& argument =
      Input(n, std::vector<double>(static_cast<size_t>(count), std::numeric_limits<double>::quiet_NaN()));
  argument.role = Role::kOutput;
  argument.tolerance = tolerance;
  return argument;
}

Argument& Case::InOut(const std::string& n, std::vector<double> values, Tolerance tolerance) {
  Argument& argument = Input(n, std::move(values));
  argument.role = Role::kInOut;
  argument.tolerance = tolerance;
  return argument;
}

Argument& Case::Gradient(const std::string& n, std::vector<double> initial, bool accumulate,
                         Tolerance tolerance) {
  if (accumulate) return InOut(n, std::move(initial), tolerance);
  return Output(n, static_cast<int64_t>(initial.size()), tolerance);
}

Argument& Case::HostInput(const std::string& n, std::vector<double> values) {
  Argument& argument = arguments.emplace_back();
  argument.name = n;
  argument.dtype = OUTRIGHT_FLOAT64;
  argument.host = true;
  argument.values = std::move(values);
  return argument;
}

Argument& Case::HostOutput(const std::string& n, int64_t count, double tolerance) {
  Argument& argument =
      HostInput(n, std::vector<double>(static_cast<size_t>(count), std::numeric_limits<double>::quiet_NaN()));
  argument.role = Role::kOutput;
  argument.tolerance = {tolerance, tolerance, 0.0};
  return argument;
}

void Suite::Add(const std::string& op, const std::string& name, std::function<void(Case&, Random&)> fill) {
  cases.push_back(MakeEntry(op, name, std::move(fill)));
}

void Suite::AddPerf(const std::string& op, const std::string& name,
                    std::function<void(Case&, Random&)> fill) {
  perf.push_back(MakeEntry(op, name, std::move(fill)));
}

}  // namespace outright::test
