// What one entry of the operation table says: its arguments, how to call the backend, what float64 says, how
// far the two may be apart, and (for gradients) which scalar the result is the derivative of.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backend.h"
#include "random.h"

namespace outright::test {

enum class Role {
  kInput,   // must come back unchanged
  kOutput,  // overwritten: holds NaN before the call
  kInOut,   // added to or updated in place
};

// Errors are measured against max(root mean square of the expected values, floor). What a case states is for
// float32; a bfloat16 output may be off by its own rounding besides (Argument::Allowed).
struct Tolerance {
  double normalised = 1e-6;  // root mean square error
  double worst = 1e-5;       // largest error; an element's own size counts here too
  double floor = 0.0;        // size of the terms where their sum may cancel
};

struct Argument {
  std::string name;
  Role role = Role::kInput;
  int32_t dtype = OUTRIGHT_FLOAT32;
  bool stored = false;            // a weight or an activation: its dtype is the case's X
  bool host = false;              // float64 array of the caller
  bool absent = false;            // passed as NULL
  std::vector<double> values;     // float and int16 arguments, as the buffer holds them
  std::vector<int32_t> integers;  // int32 arguments
  Tolerance tolerance;
  // The tolerance with what the output's storage type adds to it. One of zero stays: it says that the result
  // is a number of that type.
  Tolerance Allowed() const;
  int64_t count() const {
    return static_cast<int64_t>(dtype == OUTRIGHT_INT32 ? integers.size() : values.size());
  }
};

// The arguments as float64 arrays, for oracles and objectives.
class Values {
 public:
  explicit Values(const std::vector<Argument>& arguments) : arguments_(arguments) {}
  // nullptr where absent.
  double* operator[](const std::string& name) {
    Argument& argument = Find(name);
    return argument.absent ? nullptr : argument.values.data();
  }
  const int32_t* Ints(const std::string& name) { return Find(name).integers.data(); }
  Argument& Find(const std::string& name);

 private:
  std::vector<Argument> arguments_;
};

// The arguments as the backend takes them.
struct Call {
  const outright_backend& api;
  outright_device* device;
  std::map<std::string, outright_tensor> tensors;  // without the absent ones
  const outright_tensor* operator()(const std::string& name) const {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : &found->second;
  }
  double* Host(const std::string& name) const { return static_cast<double*>(tensors.at(name).data); }
};

// gradient[i] must be d objective / d input[i].
struct Derivative {
  std::string input;
  std::string gradient;
};

// Work that the operation must at least do, for the perf mode.
struct Work {
  double flops = 0.0;
  double bytes = 0.0;
};

// Half a unit in the last of bfloat16's 8 bits, relative to the number.
inline constexpr double kBfloat16Rounding = 0x1p-8;

struct Case {
  std::string op;
  std::string name;
  int32_t storage = OUTRIGHT_FLOAT32;  // X: the dtype of weights and activations
  std::vector<Argument> arguments;
  std::function<outright_status(const Call&)> run;
  std::function<void(Values&)> oracle;

  std::vector<Derivative> derivatives;
  std::function<double(Values&)> objective;
  // How far the backward pass may be from the derivative because it works with rounded activations and
  // factors, relative.
  double backward_rounding = 0.0;

  outright_status expected = OUTRIGHT_OK;  // else: nothing may be written
  std::string mention;                     // which the message must then contain
  Work work;
  // Whether every device tensor must have exactly the length it has here, so that a shorter one is refused.
  bool argument_checks = true;

  uint64_t seed() const { return Hash(op + "/" + name); }

  bool InBfloat16() const { return storage == OUTRIGHT_BFLOAT16; }
  // `count` weights or activations in bytes.
  double Bytes(int64_t count) const { return static_cast<double>(count * DtypeBytes(storage)); }
  // What a buffer of weights or activations keeps of the values.
  std::vector<double> Stored(std::vector<double> values) const;

  // Weights, activations and their gradients: of dtype X.
  Argument& Input(const std::string& n, std::vector<double> values);
  Argument& Output(const std::string& n, int64_t count, Tolerance tolerance = {});
  Argument& InOut(const std::string& n, std::vector<double> values, Tolerance tolerance = {});
  // kInOut with the given values when accumulating, else kOutput.
  Argument& Gradient(const std::string& n, std::vector<double> initial, bool accumulate,
                     Tolerance tolerance = {});
  // What is float32 whatever X is: statistics, log-probs, tables, gradients of parameters, moments.
  Argument& Input32(const std::string& n, std::vector<double> values);
  Argument& Output32(const std::string& n, int64_t count, Tolerance tolerance = {});
  Argument& InOut32(const std::string& n, std::vector<double> values, Tolerance tolerance = {});
  // Whole numbers that int16 holds.
  Argument& Input16(const std::string& n, std::vector<double> values);
  Argument& Output16(const std::string& n, int64_t count);
  Argument& InOut16(const std::string& n, std::vector<double> values);
  Argument& Ints(const std::string& n, std::vector<int32_t> integers);
  Argument& HostInput(const std::string& n, std::vector<double> values);
  Argument& HostOutput(const std::string& n, int64_t count, double tolerance = 1e-12);
  Argument& Find(const std::string& n);

 private:
  Argument& Add(const std::string& n, Role role, int32_t dtype, std::vector<double> values,
                Tolerance tolerance);
};

using Filler = std::function<void(Case&, Random&)>;

// A case that is built when its turn comes, so that only one holds memory.
struct Entry {
  std::string op;
  std::string name;
  int32_t storage;
  std::function<Case()> build;
};

using RowFiller = std::function<void(Case&, const std::vector<int64_t>&)>;

// An operation each of whose rows depends on that row alone. make(rows) is the case that holds the given rows
// of some base data, in that order; `outputs` have one stretch of elements per row.
struct RowFamily {
  std::string op;
  std::string name;
  int64_t rows;
  std::function<Case(const std::vector<int64_t>&)> make;
  std::vector<std::string> outputs;
};

// Anything else: gives "" or one line about what is wrong.
struct Check {
  std::string op;
  std::string name;
  std::function<std::string(Device&)> run;
};

// The whole table.
struct Suite {
  bool quick = false;                  // leave out what takes long under a sanitizer
  bool large = false;                  // perf: also shapes for a GPU
  std::set<std::string> float32_only;  // operations whose bfloat16 cases are left out
  std::vector<Entry> cases;
  std::vector<Check> checks;        // of mode test
  std::vector<RowFamily> families;  // of mode invariance
  std::vector<Check> invariants;    // of mode invariance
  std::vector<Entry> perf;

  // Each in float32, then with bfloat16 weights and activations (the name says so at its end).
  void Add(const std::string& op, const std::string& name, const Filler& fill);
  void AddPerf(const std::string& op, const std::string& name, const Filler& fill);
  // A shape for a GPU: in bfloat16, and only where `large` asks for it.
  void AddLargePerf(const std::string& op, const std::string& name, const Filler& fill);
  void AddFamily(const std::string& op, const std::string& name, int64_t rows,
                 std::vector<std::string> outputs, const RowFiller& fill);
  // In one storage type only.
  void AddIn(int32_t storage, const std::string& op, const std::string& name, const Filler& fill);
  void AddPerfIn(int32_t storage, const std::string& op, const std::string& name, const Filler& fill);
};

}  // namespace outright::test
