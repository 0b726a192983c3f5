#include "../oracle/embedding.h"
#include "ops.h"

namespace outright::test {

namespace {

struct GatherShape {
  int64_t N, T, D;
  std::string Name() const { return Shape(N, T, D); }
};

void FillForward(Case& c, const GatherShape& s, std::vector<int32_t> rows, std::vector<double> x) {
  c.Input("x", std::move(x));
  c.Ints("rows", std::move(rows));
  c.Output("y", s.N * s.D, {0.0, 0.0, 0.0});
  c.run = [s](const Call& a) {
    return a.api.gather_rows(a.device, a("x"), a("rows"), a("y"), s.N, s.T, s.D);
  };
  c.oracle = [s](Values& a) { oracle::GatherRows(a["x"], a.Ints("rows"), a["y"], s.N, s.D); };
  c.work = {0.0, c.Bytes(2 * s.N * s.D)};
}

void FillBackward(Case& c, const GatherShape& s, std::vector<int32_t> rows, Random& r, bool accumulate) {
  c.Input("dy", r.Normal(s.N * s.D));
  c.Ints("rows", std::move(rows));
  c.Gradient("dx", r.Normal(s.T * s.D), accumulate);
  c.HostInput("x", r.Normal(s.T * s.D));
  c.run = [s, accumulate](const Call& a) {
    return a.api.gather_rows_backward(a.device, a("dy"), a("rows"), a("dx"), s.N, s.T, s.D, accumulate);
  };
  c.oracle = [s, accumulate](Values& a) {
    oracle::GatherRowsBackward(a["dy"], a.Ints("rows"), a["dx"], s.N, s.T, s.D, accumulate);
  };
  c.derivatives = {{"x", "dx"}};
  c.objective = [s](Values& a) {
    std::vector<double> y = Zeros(s.N * s.D);
    oracle::GatherRows(a["x"], a.Ints("rows"), y.data(), s.N, s.D);
    return Weigh(a["dy"], y);
  };
  c.work = {static_cast<double>(s.N * s.D), c.Bytes(3 * s.N * s.D)};
}

}  // namespace

void AddRows(Suite& suite) {
  std::vector<GatherShape> shapes{{7, 31, 64}, {1, 1, 1}, {0, 5, 3}, {128, 7, 123}, {33, 100, 5}};
  if (!suite.quick) shapes.push_back({1000, 700, 64});
  for (const GatherShape& s : shapes) {
    suite.Add("gather_rows", s.Name(),
              [=](Case& c, Random& r) { FillForward(c, s, r.Integers(s.N, s.T), r.Normal(s.T * s.D)); });
    for (const bool accumulate : {false, true}) {
      suite.Add("gather_rows_backward", s.Name() + Accumulating(accumulate),
                [=](Case& c, Random& r) { FillBackward(c, s, r.Integers(s.N, s.T), r, accumulate); });
    }
  }
  for (const int32_t row : {-1, 5}) {
    const auto refused = [row](Case& c) {
      c.expected = OUTRIGHT_INVALID;
      c.mention = std::to_string(row);
    };
    suite.Add("gather_rows", "of the row " + std::to_string(row), [=](Case& c, Random& r) {
      FillForward(c, {3, 5, 2}, {0, row, 4}, r.Normal(10));
      refused(c);
    });
    suite.Add("gather_rows_backward", "of the row " + std::to_string(row), [=](Case& c, Random& r) {
      FillBackward(c, {3, 5, 2}, {0, row, 4}, r, false);
      refused(c);
    });
  }
  suite.AddPerf("gather_rows", "1024x2048x768", [](Case& c, Random& r) {
    FillForward(c, {1024, 2048, 768}, r.Integers(1024, 2048), r.Normal(2048 * 768));
  });
  suite.AddPerf("gather_rows_backward", "1024x2048x768", [](Case& c, Random& r) {
    FillBackward(c, {1024, 2048, 768}, r.Integers(1024, 2048), r, true);
  });
}

}  // namespace outright::test
