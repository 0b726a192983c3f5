// How operations cut their work into tiles. Everything here depends on shapes alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "device.h"
#include "matmul.h"
#include "shared/range.h"

namespace outright::cpu {

// A grid of tiles over a matrix [rows, columns], whole register tiles high: as large as leaves a good number
// of them, since each tile packs its columns anew. No bit depends on the tile (matmul.h).
struct Grid {
  int64_t rows, columns, row_step, column_step, tiles;

  // `tallest` counts blocks of matmul::kBlockRows.
  Grid(int64_t rows_, int64_t columns_, int64_t tallest = 4) : rows(rows_), columns(columns_) {
    struct Shape {
      int64_t rows, columns;
    };
    constexpr int64_t kEnough = 12;
    constexpr int64_t kBlock = matmul::kBlockRows;
    constexpr int64_t kHalf = matmul::kTileRows * 9;
    constexpr int64_t kQuarter = matmul::kTileRows * 4;
    for (const Shape shape : {Shape{4 * kBlock, 256},
                              {2 * kBlock, 256},
                              {kBlock, 256},
                              {kBlock, 128},
                              {kHalf, 128},
                              {kQuarter, 128},
                              {kQuarter, 64}}) {
      if (shape.rows > tallest * kBlock) continue;
      // All as high as one another, so that threads end together.
      const int64_t down = ceil_div(rows, shape.rows);
      row_step =
          down == 0 ? shape.rows : ceil_div(ceil_div(rows, down), matmul::kTileRows) * matmul::kTileRows;
      column_step = shape.columns;
      tiles = ceil_div(rows, row_step) * ceil_div(columns, column_step);
      if (tiles >= kEnough) break;
    }
  }
  // Tiles below one another are neighbours in number, since they share the weights of their columns.
  Range row(int64_t tile) const { return part(tile % ceil_div(rows, row_step), row_step, rows); }
  Range column(int64_t tile) const { return part(tile / ceil_div(rows, row_step), column_step, columns); }
};

// Elements of flat arrays that one thread takes at a time.
inline constexpr int64_t kChunk = 16384;

// Calls body(begin, end) for chunks of [0, count). `cost` is a rough count of operations per element.
template <typename Body>
void for_chunks(Device& device, int64_t count, double cost, const Body& body) {
  device.pool.run(ceil_div(count, kChunk), cost * static_cast<double>(count), [&](int64_t tile, int) {
    const Range chunk = part(tile, kChunk, count);
    body(chunk.begin, chunk.end);
  });
}

}  // namespace outright::cpu
