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

std::string InStorage(const std::string& name, int32_t storage) {
  return storage == OUTRIGHT_FLOAT32 ? name : name + " " + DtypeName(storage);
}

Case Empty(const std::string& op, const std::string& name, int32_t storage) {
  Case c;
  c.op = op;
  c.name = InStorage(name, storage);
  c.storage = storage;
  return c;
}

Entry MakeEntry(const std::string& op, const std::string& name, int32_t storage, Filler fill) {
  return {op, InStorage(name, storage), storage, [=, fill = std::move(fill)] {
            Case c = Empty(op, name, storage);
            Random random(c.seed());
            fill(c, random);
            return c;
          }};
}

std::vector<double> Nothing(int64_t count) {
  return std::vector<double>(static_cast<size_t>(count), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

Argument& Values::Find(const std::string& name) { return FindIn(arguments_, name); }
Argument& Case::Find(const std::string& n) { return FindIn(arguments, n); }

Tolerance Argument::Allowed() const {
  Tolerance allowed = tolerance;
  if (dtype == OUTRIGHT_BFLOAT16 && tolerance.worst > 0.0) {
    allowed.normalised += kBfloat16Rounding;
    allowed.worst += kBfloat16Rounding;
  }
  return allowed;
}

std::vector<double> Case::Stored(std::vector<double> values) const {
  return InBfloat16() ? AsBfloat16(std::move(values)) : AsFloat32(std::move(values));
}

Argument& Case::Add(const std::string& n, Role role, int32_t dtype, std::vector<double> values,
                    Tolerance tolerance) {
  Argument& argument = arguments.emplace_back();
  argument.name = n;
  argument.role = role;
  argument.dtype = dtype;
  if (dtype == OUTRIGHT_BFLOAT16)
    argument.values = AsBfloat16(std::move(values));
  else  // int16 numbers stay as they are
    argument.values = AsFloat32(std::move(values));
  argument.tolerance = tolerance;
  return argument;
}

Argument& Case::Input(const std::string& n, std::vector<double> values) {
  Argument& argument = Add(n, Role::kInput, storage, std::move(values), {});
  argument.stored = true;
  return argument;
}

Argument& Case::Output(const std::string& n, int64_t count, Tolerance tolerance) {
  Argument& argument = Add(n, Role::kOutput, storage, Nothing(count), tolerance);
  argument.stored = true;
  return argument;
}

Argument& Case::InOut(const std::string& n, std::vector<double> values, Tolerance tolerance) {
  Argument& argument = Add(n, Role::kInOut, storage, std::move(values), tolerance);
  argument.stored = true;
  return argument;
}

Argument& Case::Gradient(const std::string& n, std::vector<double> initial, bool accumulate,
                         Tolerance tolerance) {
  if (accumulate) return InOut(n, std::move(initial), tolerance);
  return Output(n, static_cast<int64_t>(initial.size()), tolerance);
}

Argument& Case::Input32(const std::string& n, std::vector<double> values) {
  return Add(n, Role::kInput, OUTRIGHT_FLOAT32, std::move(values), {});
}

Argument& Case::Output32(const std::string& n, int64_t count, Tolerance tolerance) {
  return Add(n, Role::kOutput, OUTRIGHT_FLOAT32, Nothing(count), tolerance);
}

Argument& Case::InOut32(const std::string& n, std::vector<double> values, Tolerance tolerance) {
  return Add(n, Role::kInOut, OUTRIGHT_FLOAT32, std::move(values), tolerance);
}

Argument& Case::Input16(const std::string& n, std::vector<double> values) {
  return Add(n, Role::kInput, OUTRIGHT_INT16, std::move(values), {});
}

Argument& Case::Output16(const std::string& n, int64_t count) {
  return Add(n, Role::kOutput, OUTRIGHT_INT16, Nothing(count), {0.0, 0.0, 0.0});
}

Argument& Case::InOut16(const std::string& n, std::vector<double> values) {
  return Add(n, Role::kInOut, OUTRIGHT_INT16, std::move(values), {0.0, 0.0, 0.0});
}

Argument& Case::Ints(const std::string& n, std::vector<int32_t> integers) {
  Argument& argument = arguments.emplace_back();
  argument.name = n;
  argument.dtype = OUTRIGHT_INT32;
  argument.integers = std::move(integers);
  return argument;
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
  Argument& argument = HostInput(n, Nothing(count));
  argument.role = Role::kOutput;
  argument.tolerance = {tolerance, tolerance, 0.0};
  return argument;
}

void Suite::AddIn(int32_t storage, const std::string& op, const std::string& name, const Filler& fill) {
  if (storage == OUTRIGHT_FLOAT32 || float32_only.count(op) == 0)
    cases.push_back(MakeEntry(op, name, storage, fill));
}

void Suite::Add(const std::string& op, const std::string& name, const Filler& fill) {
  AddIn(OUTRIGHT_FLOAT32, op, name, fill);
  AddIn(OUTRIGHT_BFLOAT16, op, name, fill);
}

void Suite::AddPerf(const std::string& op, const std::string& name, const Filler& fill) {
  AddPerfIn(OUTRIGHT_FLOAT32, op, name, fill);
  AddPerfIn(OUTRIGHT_BFLOAT16, op, name, fill);
}

void Suite::AddLargePerf(const std::string& op, const std::string& name, const Filler& fill) {
  if (large) AddPerfIn(OUTRIGHT_BFLOAT16, op, name, fill);
}

void Suite::AddPerfIn(int32_t storage, const std::string& op, const std::string& name, const Filler& fill) {
  if (storage == OUTRIGHT_FLOAT32 || float32_only.count(op) == 0)
    perf.push_back(MakeEntry(op, name, storage, fill));
}

void Suite::AddFamily(const std::string& op, const std::string& name, int64_t rows,
                      std::vector<std::string> outputs, const RowFiller& fill) {
  for (const int32_t storage : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16}) {
    if (storage != OUTRIGHT_FLOAT32 && float32_only.count(op) != 0) continue;
    families.push_back({op, InStorage(name, storage), rows,
                        [=](const std::vector<int64_t>& chosen) {
                          Case c = Empty(op, name, storage);
                          fill(c, chosen);
                          return c;
                        },
                        outputs});
  }
}

}  // namespace outright::test
