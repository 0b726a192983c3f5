#include "ops.h"

namespace outright::test {

namespace {

void Fill(Case& c, int32_t from, int32_t to, std::vector<double> x) {
  const auto count = static_cast<int64_t>(x.size());
  c.storage = from;
  c.Input("x", std::move(x));
  c.storage = to;
  c.Output("y", count, {0.0, 0.0, 0.0});
  // Each has a dtype of its own.
  for (Argument& argument : c.arguments) argument.stored = false;
  c.run = [=](const Call& a) { return a.api.cast(a.device, a("x"), a("y"), count); };
  c.oracle = [=](Values& a) {
    const std::vector<double>& values = a.Find("x").values;
    a.Find("y").values = to == OUTRIGHT_BFLOAT16 ? AsBfloat16(values) : values;
  };
  c.work = {0.0, static_cast<double>(count * (DtypeBytes(from) + DtypeBytes(to)))};
}

}  // namespace

void AddCast(Suite& suite) {
  constexpr int64_t large = 1 << 23;
  for (const int32_t from : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16}) {
    for (const int32_t to : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16}) {
      const std::string name = std::string(" from ") + DtypeName(from) + " to " + DtypeName(to);
      for (const int64_t count : {7, 0, 1, 31, 1000}) {
        suite.AddIn(OUTRIGHT_FLOAT32, "cast", std::to_string(count) + name,
                    [=](Case& c, Random& r) { Fill(c, from, to, r.Normal(count)); });
      }
      suite.AddIn(OUTRIGHT_FLOAT32, "cast", "every upper half" + name,
                  [=](Case& c, Random&) { Fill(c, from, to, EveryUpperHalf()); });
      suite.AddPerfIn(OUTRIGHT_FLOAT32, "cast", "8M" + name,
                      [=](Case& c, Random& r) { Fill(c, from, to, r.Normal(large)); });
    }
  }
}

}  // namespace outright::test
