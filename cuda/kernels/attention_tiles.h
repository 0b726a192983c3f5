// Which tiles of queries and keys meet: host code, tested as such. A row of packed examples with shared
// prompts leaves most of the T x T tiles empty, and no kernel looks at those.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "shared/range.h"
#include "shared/spans.h"

namespace outright::cuda {

// For each tile of one side the tiles of the other that it meets, in order: those of i are
// others[begins[i] ... begins[i + 1]).
struct TileLists {
  std::vector<int32_t> begins{0}, others;
};

// From the runs of a row (spans.h): for tiles of queries the tiles of keys.
inline TileLists keys_of_queries(const std::vector<Run>& runs, int64_t T, int64_t tile) {
  TileLists lists;
  size_t first_run = 0;
  for (int64_t begin = 0; begin < T; begin += tile) {
    const int64_t end = std::min(T, begin + tile);
    std::vector<bool> seen(static_cast<size_t>(ceil_div(end, tile)));
    const auto see = [&](int64_t from, int64_t to) {
      if (from < to)
        for (int64_t k = from / tile; k <= (to - 1) / tile; ++k) seen[static_cast<size_t>(k)] = true;
    };
    while (runs[first_run].end <= begin) ++first_run;
    for (size_t i = first_run; i < runs.size() && runs[i].begin < end; ++i) {
      see(runs[i].before.begin, runs[i].before.end);
      see(runs[i].after, std::min(runs[i].end, end));
    }
    for (size_t k = 0; k < seen.size(); ++k)
      if (seen[k]) lists.others.push_back(static_cast<int32_t>(k));
    lists.begins.push_back(static_cast<int32_t>(lists.others.size()));
  }
  return lists;
}

// The same pairs, by tiles of keys.
inline TileLists queries_of_keys(const TileLists& by_query) {
  const size_t tiles = by_query.begins.size() - 1;
  std::vector<std::vector<int32_t>> found(tiles);
  for (size_t q = 0; q < tiles; ++q)
    for (int32_t i = by_query.begins[q]; i < by_query.begins[q + 1]; ++i)
      found[static_cast<size_t>(by_query.others[static_cast<size_t>(i)])].push_back(static_cast<int32_t>(q));
  TileLists lists;
  for (const std::vector<int32_t>& queries : found) {
    lists.others.insert(lists.others.end(), queries.begin(), queries.end());
    lists.begins.push_back(static_cast<int32_t>(lists.others.size()));
  }
  return lists;
}

// Tiles that begin with each document, so that what happens to a document hangs on nothing else: where they
// lie, and the tiles of keys that each meets as queries (by_query) and the other way round. What is listed of
// a tile says too whether all of these queries see all of these keys, and both tiles are whole: then no pair
// needs to be looked at.
struct TileRows {
  int32_t first, count;
};
// An entry: half of it is the tile, an odd one says that all are seen.
inline int32_t met_entry(int32_t tile, bool all_seen) { return 2 * tile + (all_seen ? 1 : 0); }

struct DocumentTiles {
  std::vector<TileRows> rows;
  TileLists by_query, by_key;  // of met_entry
};

// Whether all queries of a range see all keys of another; `runs` are those of the row, in order.
inline bool all_see(const std::vector<Run>& runs, const Range& queries, const Range& keys) {
  auto run = std::partition_point(runs.begin(), runs.end(),
                                  [&](const Run& one) { return one.end <= queries.begin; });
  for (; run != runs.end() && run->begin < queries.end; ++run) {
    const int64_t first = std::max(queries.begin, run->begin);
    const bool ahead = keys.begin >= run->before.begin && keys.end <= run->before.end;
    const bool behind = keys.begin >= run->after && keys.end <= first + 1;
    if (!ahead && !behind) return false;
  }
  return true;
}

inline DocumentTiles document_tiles(const std::vector<Run>& runs, int64_t tile) {
  DocumentTiles found;
  std::vector<std::vector<int32_t>> by_key;
  for (const Document& document : documents_of(runs)) {
    const int64_t begin = document.begin, size = document.end - begin;
    std::vector<Run> own(runs.begin() + static_cast<std::ptrdiff_t>(document.first_run),
                         runs.begin() + static_cast<std::ptrdiff_t>(document.last_run));
    for (Run& run : own) {
      run.begin -= begin, run.end -= begin, run.after -= begin;
      run.before = {run.before.begin - begin, run.before.end - begin};
    }
    const auto tiles_before = static_cast<int32_t>(found.rows.size());
    const TileLists lists = keys_of_queries(own, size, tile);
    by_key.resize(by_key.size() + lists.begins.size() - 1);
    const auto range = [&](int32_t number) {
      return Range{number * tile, std::min(size, (number + 1) * tile)};
    };
    for (int32_t query = 0; query + 1 < static_cast<int32_t>(lists.begins.size()); ++query) {
      for (int32_t i = lists.begins[static_cast<size_t>(query)];
           i < lists.begins[static_cast<size_t>(query) + 1]; ++i) {
        const int32_t key = lists.others[static_cast<size_t>(i)];
        const bool whole = range(query).size() == tile && range(key).size() == tile;
        const bool all_seen = whole && all_see(own, range(query), range(key));
        found.by_query.others.push_back(met_entry(tiles_before + key, all_seen));
        by_key[static_cast<size_t>(tiles_before + key)].push_back(met_entry(tiles_before + query, all_seen));
      }
      found.by_query.begins.push_back(static_cast<int32_t>(found.by_query.others.size()));
    }
    for (int64_t first = 0; first < size; first += tile)
      found.rows.push_back(
          {static_cast<int32_t>(begin + first), static_cast<int32_t>(std::min(tile, size - first))});
  }
  for (const std::vector<int32_t>& queries : by_key) {
    found.by_key.others.insert(found.by_key.others.end(), queries.begin(), queries.end());
    found.by_key.begins.push_back(static_cast<int32_t>(found.by_key.others.size()));
  }
  return found;
}

}  // namespace outright::cuda
