// Who sees whom in a flat row: token t sees keys j with start[t] <= j <= t and not skip_from[t] <= j <
// skip_to[t].
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.h"
#include "range.h"

namespace outright {

// Consecutive tokens [begin, end) that share one rule. Token t sees the keys [before.begin, before.end),
// which lie ahead of the skip, then [after, t].
struct Run {
  int64_t begin, end;
  Range before;
  int64_t after;
};

// Consecutive runs [first_run, last_run) of tokens [begin, end) that see no token of another document.
struct Document {
  int64_t begin, end;
  size_t first_run, last_run;
};
inline std::vector<Document> documents_of(const std::vector<Run>& runs) {
  std::vector<Document> documents;
  int64_t reach = INT64_MAX;  // the first key that this run or a later one sees
  for (size_t i = runs.size(); i-- > 0;) {
    const Run& run = runs[i];
    if (reach >= run.end) {
      documents.push_back({run.begin, run.end, i, i + 1});
      reach = INT64_MAX;
    } else {
      documents.back().begin = run.begin;
      documents.back().first_run = i;
    }
    reach = std::min({reach, run.before.begin, run.after});
  }
  std::reverse(documents.begin(), documents.end());
  return documents;
}

// Checks the spans and cuts the row into runs.
inline std::vector<Run> runs_of(Check& check, const outright_tensor* start, const outright_tensor* skip_from,
                                const outright_tensor* skip_to, int64_t T) {
  const int32_t* first = check.integers(start, "start", T);
  const int32_t* from = check.integers(skip_from, "skip_from", T);
  const int32_t* to = check.integers(skip_to, "skip_to", T);
  std::vector<Run> runs;
  for (int64_t t = 0; t < T; ++t) {
    for (const auto& [values, name] : {std::pair{first, "start"}, {from, "skip_from"}, {to, "skip_to"}})
      if (values[t] < 0 || values[t] > t)
        check.invalid("%s[%lld] is %d, outside [0, %lld]", name, static_cast<long long>(t), values[t],
                      static_cast<long long>(t));
    if (t > 0 && first[t] == first[t - 1] && from[t] == from[t - 1] && to[t] == to[t - 1]) {
      runs.back().end = t + 1;
      continue;
    }
    const int64_t begin = first[t];
    if (from[t] >= to[t] || to[t] <= begin)  // nothing skipped that would be seen
      runs.push_back({t, t + 1, {begin, begin}, begin});
    else
      runs.push_back({t, t + 1, {begin, std::max<int64_t>(begin, from[t])}, to[t]});
  }
  return runs;
}

// Consecutive new tokens [begin, end) of one sequence in a cache: token n sees its rows [first, last + n -
// begin], of which the last one is its own.
struct CachedRun {
  int64_t begin, end;
  int64_t first, last;
  int64_t size() const { return end - begin; }
};

// Checks where N new tokens stand in a cache of S rows, and cuts them into runs.
inline std::vector<CachedRun> cached_runs_of(Check& check, const outright_tensor* first,
                                             const outright_tensor* last, int64_t N, int64_t S) {
  const int32_t* from = check.integers(first, "first", N);
  const int32_t* own = check.integers(last, "last", N);
  std::vector<CachedRun> runs;
  for (int64_t n = 0; n < N; ++n) {
    if (own[n] < 0 || own[n] >= S)
      check.invalid("last[%lld] is %d, outside [0, %lld)", static_cast<long long>(n), own[n],
                    static_cast<long long>(S));
    if (from[n] < 0 || from[n] > own[n])
      check.invalid("first[%lld] is %d, outside [0, %d]", static_cast<long long>(n), from[n], own[n]);
    if (n > 0 && from[n] == from[n - 1] && own[n] == own[n - 1] + 1)
      runs.back().end = n + 1;
    else
      runs.push_back({n, n + 1, from[n], own[n]});
  }
  std::vector<int32_t> rows(own, own + N);
  std::sort(rows.begin(), rows.end());
  const auto twice = std::adjacent_find(rows.begin(), rows.end());
  if (twice != rows.end()) check.invalid("row %d of the cache is the last one of two tokens", *twice);
  return runs;
}

}  // namespace outright
