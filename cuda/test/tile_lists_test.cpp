// The lists of tiles that meet, and the tasks of the kernels on tensor cores, against the rule of who sees
// whom, pair by pair. Ends as op_test does.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "kernels/attention_tasks.h"
#include "kernels/attention_tiles.h"

namespace outright::cuda {

namespace {

struct Row {
  std::vector<int32_t> start, skip_from, skip_to;
  bool sees(int64_t t, int64_t j) const {
    const auto at = static_cast<size_t>(t);
    return j <= t && j >= start[at] && !(j >= skip_from[at] && j < skip_to[at]);
  }
};

// Documents one after the other; of some a later part skips an earlier one, as a rejected answer does the
// chosen one.
Row random_row(std::mt19937& random, int64_t T) {
  const auto below = [&](int64_t limit) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(limit));
  };
  Row row;
  while (static_cast<int64_t>(row.start.size()) < T) {
    const auto first = static_cast<int64_t>(row.start.size());
    const int64_t length = std::min(T - first, 1 + below(70));
    const bool shared = below(3) != 0 && length >= 4;
    const int64_t prompt = shared ? 1 + below(length / 2) : length;
    const int64_t copy = shared ? prompt + 1 + below(length - prompt - 1) : length;
    for (int64_t i = 0; i < length; ++i) {
      const bool skips = i >= copy;
      row.start.push_back(static_cast<int32_t>(first));
      row.skip_from.push_back(static_cast<int32_t>(skips ? first + prompt - 1 : 0));
      row.skip_to.push_back(static_cast<int32_t>(skips ? first + copy : 0));
    }
  }
  return row;
}

outright_tensor tensor_of(const std::vector<int32_t>& values) {
  return {const_cast<int32_t*>(values.data()), static_cast<int64_t>(values.size()), OUTRIGHT_INT32};
}

std::vector<Run> runs_of_row(const Row& row) {
  const outright_tensor start = tensor_of(row.start), from = tensor_of(row.skip_from),
                        to = tensor_of(row.skip_to);
  Check arguments("tile lists");
  return runs_of(arguments, &start, &from, &to, static_cast<int64_t>(row.start.size()));
}

std::string check_lists(const Row& row, int64_t tile) {
  const auto T = static_cast<int64_t>(row.start.size());
  const TileLists by_query = keys_of_queries(runs_of_row(row), T, tile);
  const TileLists by_key = queries_of_keys(by_query);
  const int64_t tiles = ceil_div(T, tile);
  const auto listed = [](const TileLists& lists, int64_t of, int64_t other) {
    int count = 0;
    for (int32_t i = lists.begins[static_cast<size_t>(of)]; i < lists.begins[static_cast<size_t>(of) + 1];
         ++i)
      count += lists.others[static_cast<size_t>(i)] == other ? 1 : 0;
    return count;
  };
  if (static_cast<int64_t>(by_query.begins.size()) != tiles + 1 ||
      by_key.begins.size() != by_query.begins.size())
    return "a wrong number of lists";
  for (int64_t q = 0; q < tiles; ++q) {
    for (int64_t k = 0; k < tiles; ++k) {
      bool meet = false;
      for (int64_t t = q * tile; t < std::min(T, (q + 1) * tile); ++t)
        for (int64_t j = k * tile; j < std::min(T, (k + 1) * tile); ++j) meet = meet || row.sees(t, j);
      const std::string pair = "queries " + std::to_string(q) + ", keys " + std::to_string(k);
      if (listed(by_query, q, k) != (meet ? 1 : 0)) return pair + " by queries";
      if (listed(by_key, k, q) != (meet ? 1 : 0)) return pair + " by keys";
    }
  }
  for (const TileLists& lists : {by_query, by_key})
    for (size_t of = 0; of + 1 < lists.begins.size(); ++of)
      for (int32_t i = lists.begins[of] + 1; i < lists.begins[of + 1]; ++i)
        if (lists.others[static_cast<size_t>(i)] <= lists.others[static_cast<size_t>(i) - 1])
          return "a list is not in order";
  return "";
}

// Tiles that begin with documents: each token in one, and pairs listed where tokens of theirs meet, as such
// of which all meet where that is so and both are whole.
std::string check_document_tiles(const Row& row, int64_t tile) {
  const auto T = static_cast<int64_t>(row.start.size());
  const DocumentTiles found = document_tiles(runs_of_row(row), tile);
  std::vector<int64_t> tile_of(static_cast<size_t>(T), -1);
  for (size_t i = 0; i < found.rows.size(); ++i) {
    const auto [first, count] = found.rows[i];
    if (count < 1 || count > tile) return "a tile of " + std::to_string(count) + " rows";
    for (int64_t t = first; t < first + count; ++t) {
      if (tile_of.at(static_cast<size_t>(t)) >= 0) return "a token in two tiles";
      tile_of[static_cast<size_t>(t)] = static_cast<int64_t>(i);
      // documents begin where tokens see nothing ahead of themselves
      if (t > first && row.start[static_cast<size_t>(t)] == t) return "a tile with two documents";
    }
  }
  const size_t tiles = found.rows.size();
  std::vector<bool> meet(tiles * tiles);
  std::vector<int64_t> pairs(tiles * tiles);
  for (int64_t t = 0; t < T; ++t) {
    if (tile_of[static_cast<size_t>(t)] < 0) return "a token in no tile";
    for (int64_t j = 0; j <= t; ++j)
      if (row.sees(t, j)) {
        const size_t pair = static_cast<size_t>(tile_of[static_cast<size_t>(t)]) * tiles +
                            static_cast<size_t>(tile_of[static_cast<size_t>(j)]);
        meet[pair] = true;
        ++pairs[pair];
      }
  }
  for (size_t q = 0; q < tiles; ++q) {
    for (size_t k = 0; k < tiles; ++k) {
      const bool all_seen = pairs[q * tiles + k] == tile * tile;
      const auto listed = [&](const TileLists& lists, size_t of, size_t other) {
        return std::count_if(
            lists.others.begin() + lists.begins[of], lists.others.begin() + lists.begins[of + 1],
            [&](int32_t entry) { return entry == met_entry(static_cast<int32_t>(other), all_seen); });
      };
      const auto all = [](const TileLists& lists, size_t of, size_t other) {
        return std::count_if(lists.others.begin() + lists.begins[of],
                             lists.others.begin() + lists.begins[of + 1],
                             [&](int32_t entry) { return entry / 2 == static_cast<int32_t>(other); });
      };
      const std::ptrdiff_t wanted = meet[q * tiles + k] ? 1 : 0;
      if (listed(found.by_query, q, k) != wanted || listed(found.by_key, k, q) != wanted ||
          all(found.by_query, q, k) != wanted || all(found.by_key, k, q) != wanted)
        return "documents: queries " + std::to_string(q) + ", keys " + std::to_string(k);
    }
  }
  return "";
}

// The keys of query i of a task in the order in which a kernel visits them.
std::vector<int64_t> keys_of(const AttentionTask& task, int64_t i) {
  std::vector<int64_t> keys;
  for (int64_t key = 0; key <= task.position + i; ++key)
    keys.push_back(key < task.before ? task.begin + key : task.after + key - task.before);
  return keys;
}

std::string check_tasks(const Row& row, int64_t most) {
  const auto T = static_cast<int64_t>(row.start.size());
  std::vector<int> visits(static_cast<size_t>(T));
  int64_t last_keys = INT64_MAX;
  for (const AttentionTask& task : tasks_of(runs_of_row(row), most)) {
    if (task.count < 1 || task.count > most) return "a task of " + std::to_string(task.count) + " queries";
    if (task.position + task.count > last_keys) return "a task that sees more keys than one ahead of it";
    last_keys = task.position + task.count;
    for (int64_t i = 0; i < task.count; ++i) {
      const int64_t t = task.first + i;
      ++visits.at(static_cast<size_t>(t));
      std::vector<int64_t> seen;
      for (int64_t j = 0; j <= t; ++j)
        if (row.sees(t, j)) seen.push_back(j);
      if (keys_of(task, i) != seen) return "the keys of token " + std::to_string(t);
    }
  }
  for (int64_t t = 0; t < T; ++t)
    if (visits[static_cast<size_t>(t)] != 1) return "token " + std::to_string(t) + " is not in one task";
  return "";
}

// New tokens of sequences that lie one after the other in a cache, with room between them.
std::string check_cached_tasks(std::mt19937& random, int64_t most) {
  const auto below = [&](int64_t limit) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(limit));
  };
  std::vector<int32_t> first, last;
  int64_t rows = 0;
  for (int sequence = 0; sequence < 5; ++sequence) {
    const int64_t begin = rows + below(4), old = below(90), count = 1 + below(90);
    for (int64_t i = 0; i < count; ++i) {
      first.push_back(static_cast<int32_t>(begin));
      last.push_back(static_cast<int32_t>(begin + old + i));
    }
    rows = begin + old + count;
  }
  const outright_tensor firsts = tensor_of(first), lasts = tensor_of(last);
  Check arguments("cached tasks");
  const auto N = static_cast<int64_t>(first.size());
  std::vector<int> visits(first.size());
  for (const AttentionTask& task : tasks_of(cached_runs_of(arguments, &firsts, &lasts, N, rows), most)) {
    for (int64_t i = 0; i < task.count; ++i) {
      const auto n = static_cast<size_t>(task.first + i);
      ++visits.at(n);
      const std::vector<int64_t> keys = keys_of(task, i);
      if (keys.front() != first[n] || keys.back() != last[n] ||
          static_cast<int64_t>(keys.size()) != last[n] - first[n] + 1)
        return "the keys of new token " + std::to_string(n);
    }
  }
  for (const int count : visits)
    if (count != 1) return "a new token is not in one task";
  return "";
}

}  // namespace

}  // namespace outright::cuda

int main() {
  std::mt19937 random(1);
  int passed = 0, failed = 0;
  for (const int64_t T : {1, 2, 15, 16, 17, 64, 100, 257}) {
    for (int round = 0; round < 20; ++round) {
      const outright::cuda::Row row = outright::cuda::random_row(random, T);
      for (const int64_t tile : {1, 7, 16, 32, 64}) {
        for (const std::string& wrong :
             {outright::cuda::check_lists(row, tile), outright::cuda::check_document_tiles(row, tile),
              outright::cuda::check_tasks(row, tile), outright::cuda::check_cached_tasks(random, tile)}) {
          if (!wrong.empty())
            std::printf("FAIL lists of %lld tokens, tiles of %lld: %s\n", static_cast<long long>(T),
                        static_cast<long long>(tile), wrong.c_str());
          ++(wrong.empty() ? passed : failed);
        }
      }
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
