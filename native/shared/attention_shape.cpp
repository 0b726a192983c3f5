#include "attention_shape.h"

namespace outright {

int64_t Heads::extent(const Check& check, int64_t T, int64_t C) const {
  if (offset < 0 || token_stride < 0 || head_stride < 0) check.invalid("the layout of %s is negative", name);
  if (T == 0 || count == 0 || C == 0) return 0;
  int64_t tokens = 0, heads = 0, extent = 0;
  if (__builtin_mul_overflow(T - 1, token_stride, &tokens) ||
      __builtin_mul_overflow(count - 1, head_stride, &heads) ||
      __builtin_add_overflow(tokens, heads, &extent) || __builtin_add_overflow(extent, C, &extent) ||
      __builtin_add_overflow(extent, offset, &extent))
    check.invalid("the layout of %s is too large", name);
  const bool by_token = (count == 1 || head_stride >= C) && (T == 1 || token_stride >= heads + C);
  const bool by_head = (T == 1 || token_stride >= C) && (count == 1 || head_stride >= tokens + C);
  if (!by_token && !by_head) check.invalid("the layout of %s makes heads overlap", name);
  return extent;
}

AttentionShape attention_shape(const Check& check, const outright_head_layout* layout, int64_t T, int64_t H,
                               int64_t G, int64_t C, double scale) {
  check.sizes({{"T", T}, {"H", H}, {"G", G}, {"C", C}});
  check.host(layout, "layout", 1);
  if (G == 0 ? H != 0 : H % G != 0)
    check.invalid("%lld query heads cannot share %lld key heads evenly", static_cast<long long>(H),
                  static_cast<long long>(G));
  if (T > INT32_MAX) check.invalid("T is %lld: positions are int32", static_cast<long long>(T));
  const outright_head_layout& l = *layout;
  return {T,
          H,
          G,
          C,
          static_cast<float>(scale),
          {"q", H, l.q_offset, l.q_token_stride, l.q_head_stride},
          {"k", G, l.k_offset, l.k_token_stride, l.k_head_stride},
          {"v", G, l.v_offset, l.v_token_stride, l.v_head_stride}};
}

double attention_work(const AttentionShape& shape, const std::vector<Run>& runs) {
  double keys = 0;
  for (const Run& run : runs) {
    const auto queries = static_cast<double>(run.end - run.begin);
    keys += queries * (static_cast<double>(run.before.size() + run.begin - run.after) + 0.5 * queries);
  }
  return 2.0 * keys * static_cast<double>(shape.H * shape.C);
}

}  // namespace outright
