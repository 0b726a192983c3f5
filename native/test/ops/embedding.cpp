#include "../oracle/embedding.h"

#include "ops.h"

namespace outright::test {

namespace {

struct TableShape {
  int64_t T, D, V;
  std::string Name() const { return Shape(T, D, V); }
};

void FillForward(Case& c, const TableShape& s, std::vector<int32_t> ids, std::vector<double> table) {
  c.Ints("ids", std::move(ids));
  c.Input("table", std::move(table));
  c.Output("y", s.T * s.D, {0.0, 0.0, 0.0});
  c.run = [s](const Call& a) {
    return a.api.embedding(a.device, a("ids"), a("table"), a("y"), s.T, s.D, s.V);
  };
  c.oracle = [s](Values& a) { oracle::Embedding(a.Ints("ids"), a["table"], a["y"], s.T, s.D); };
  c.work = {0.0, c.Bytes(2 * s.T * s.D)};
}

void FillBackward(Case& c, const TableShape& s, std::vector<int32_t> ids, Random& r) {
  c.Ints("ids", std::move(ids));
  c.Input("dy", r.Normal(s.T * s.D));
  c.InOut32("dtable", r.Normal(s.V * s.D));
  c.HostInput("table", r.Normal(s.V * s.D));
  c.run = [s](const Call& a) {
    return a.api.embedding_backward(a.device, a("ids"), a("dy"), a("dtable"), s.T, s.D, s.V);
  };
  c.oracle = [s](Values& a) { oracle::EmbeddingBackward(a.Ints("ids"), a["dy"], a["dtable"], s.T, s.D); };
  if (s.T * s.D <= 20000) c.derivatives = {{"table", "dtable"}};
  c.objective = [s](Values& a) {
    std::vector<double> y = Zeros(s.T * s.D);
    oracle::Embedding(a.Ints("ids"), a["table"], y.data(), s.T, s.D);
    return Weigh(a["dy"], y);
  };
  c.work = {static_cast<double>(s.T * s.D), c.Bytes(s.T * s.D) + 8.0 * static_cast<double>(s.T * s.D)};
}

void AddInvalidIds(Suite& suite) {
  const TableShape s{6, 3, 5};
  for (const int32_t id : {-1, 5, 123456, std::numeric_limits<int32_t>::min()}) {
    const std::vector<int32_t> ids{0, 4, 1, 2, id, 3};
    const auto refused = [id](Case& c) {
      c.expected = OUTRIGHT_INVALID;
      c.mention = std::to_string(id);
    };
    suite.Add("embedding", "of the id " + std::to_string(id), [=](Case& c, Random& r) {
      FillForward(c, s, ids, r.Normal(s.V * s.D));
      refused(c);
    });
    suite.Add("embedding_backward", "of the id " + std::to_string(id), [=](Case& c, Random& r) {
      FillBackward(c, s, ids, r);
      refused(c);
    });
  }
}

}  // namespace

void AddEmbedding(Suite& suite) {
  std::vector<TableShape> shapes{{7, 64, 31}, {0, 8, 9}, {1, 1, 1}, {128, 123, 31}, {33, 5, 512}};
  if (!suite.quick) shapes.insert(shapes.end(), {{1000, 64, 512}, {128, 16, 50257}});
  for (const TableShape& s : shapes) {
    suite.Add("embedding", s.Name(),
              [=](Case& c, Random& r) { FillForward(c, s, r.Integers(s.T, s.V), r.Normal(s.V * s.D)); });
    suite.Add("embedding_backward", s.Name(),
              [=](Case& c, Random& r) { FillBackward(c, s, r.Integers(s.T, s.V), r); });
  }
  // One id again and again: every row of dy lands on one row of the table.
  suite.Add("embedding_backward", "of one repeated id", [](Case& c, Random& r) {
    FillBackward(c, {500, 33, 9}, std::vector<int32_t>(500, 4), r);
  });
  suite.Add("embedding", "of NaN in one row", [](Case& c, Random& r) {
    std::vector<double> table = r.Normal(5 * 3);
    table[4] = kNaN;
    FillForward(c, {4, 3, 5}, {0, 1, 2, 1}, std::move(table));
  });
  AddInvalidIds(suite);

  Random random(Hash("embedding rows"));
  const auto ids = random.Integers(40, 31);
  const auto table = random.Normal(31 * 9);
  suite.AddFamily("embedding", "40x9x31", 40, {"y"}, [=](Case& c, const std::vector<int64_t>& rows) {
    FillForward(c, {static_cast<int64_t>(rows.size()), 9, 31}, PickRows(ids, 1, rows), table);
  });

  const TableShape s{2048, 512, 50304};
  suite.AddPerf("embedding", s.Name(),
                [=](Case& c, Random& r) { FillForward(c, s, r.Integers(s.T, s.V), Filled(s.V * s.D, 1.0)); });
  const TableShape small{2048, 512, 4096};
  suite.AddPerf("embedding_backward", small.Name(),
                [=](Case& c, Random& r) { FillBackward(c, small, r.Integers(small.T, small.V), r); });
}

}  // namespace outright::test
