// What the forward and backward pass of attention share: sizes, and where heads lie in q, k and v.
#pragma once

#include <cstdint>
#include <vector>

#include "check.h"
#include "range.h"
#include "spans.h"

namespace outright {

// One head as seen through a layout: token t's C numbers start at data + t * stride.
template <typename X>
struct Head {
  X* data;
  int64_t stride;
  X* row(int64_t t) const { return data + t * stride; }
};

// Where the heads of one of q, k and v lie.
struct Heads {
  const char* name;
  int64_t count, offset, token_stride, head_stride;

  // Elements that the buffer must have; checks that heads do not overlap.
  int64_t extent(const Check& check, int64_t T, int64_t C) const;

  template <typename X>
  Head<X> head(X* data, int64_t h) const {
    return {data + offset + h * head_stride, token_stride};
  }
};

struct AttentionShape {
  int64_t T, H, G, C;
  float scale;
  Heads q, k, v;
  int64_t group() const { return H / G; }  // query heads per key head
  // Of o and dout, [T, H, C].
  Heads out() const { return {"o", H, 0, H * C, C}; }
};

// Checks the sizes and reads the layout.
AttentionShape attention_shape(const Check& check, const outright_head_layout* layout, int64_t T, int64_t H,
                               int64_t G, int64_t C, double scale);

// A rough count of the operations of one product over all scores.
double attention_work(const AttentionShape& shape, const std::vector<Run>& runs);

}  // namespace outright
