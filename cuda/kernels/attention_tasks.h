// Which queries a block takes and which keys they see: host code, tested as such. The keys that a run of
// tokens sees are lined up without gaps and cut into tiles from the first of them on, so that a token's
// result depends on its sequence alone; keys that are not seen are never visited.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "shared/range.h"
#include "shared/spans.h"

namespace outright::cuda {

// Queries [first, first + count). The first of them sees `before` rows from `begin` on, then rows from
// `after` on, position + 1 keys in all; each next one sees one more.
struct AttentionTask {
  int32_t begin, before, after, position, first, count;
};

// Those that see the most keys first: they take longest.
inline void sort_tasks(std::vector<AttentionTask>& tasks) {
  std::stable_sort(tasks.begin(), tasks.end(), [](const AttentionTask& a, const AttentionTask& b) {
    return a.position + a.count > b.position + b.count;
  });
}

// Tokens [begin, end) that see `before`, then rows from `after` on, of which `position` lie ahead of begin's
// own: at most `most` queries each.
inline void add_tasks(std::vector<AttentionTask>& tasks, const Range& before, int64_t after, int64_t position,
                      const Range& tokens, int64_t most) {
  for (int64_t ahead = 0; ahead < tokens.size(); ahead += most)
    tasks.push_back({static_cast<int32_t>(before.begin), static_cast<int32_t>(before.size()),
                     static_cast<int32_t>(after), static_cast<int32_t>(position + ahead),
                     static_cast<int32_t>(tokens.begin + ahead),
                     static_cast<int32_t>(std::min(most, tokens.size() - ahead))});
}

// Of a flat row.
inline std::vector<AttentionTask> tasks_of(const std::vector<Run>& runs, int64_t most) {
  std::vector<AttentionTask> tasks;
  for (const Run& run : runs)
    add_tasks(tasks, run.before, run.after, run.before.size() + run.begin - run.after, {run.begin, run.end},
              most);
  sort_tasks(tasks);
  return tasks;
}

// Of new tokens of sequences in a cache.
inline std::vector<AttentionTask> tasks_of(const std::vector<CachedRun>& runs, int64_t most) {
  std::vector<AttentionTask> tasks;
  for (const CachedRun& run : runs)
    add_tasks(tasks, {run.first, run.first}, run.first, run.last - run.first, {run.begin, run.end}, most);
  sort_tasks(tasks);
  return tasks;
}

}  // namespace outright::cuda
