// The arguments of an AdamW update.
#pragma once

#include <utility>

#include "check.h"

namespace outright {

inline void check_adamw(const outright_tensor* params, const outright_tensor* lows,
                        const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v,
                        int64_t n, const outright_adamw_settings* settings) {
  const Check check("adamw");
  check.sizes({{"n", n}});
  check.host(settings, "settings", 1);
  for (const auto& [list, name] : {std::pair{params, "params"}, {grads, "grads"}, {m, "m"}, {v, "v"}})
    check.host(list, name, n);
  if (settings->step < 1)
    check.invalid("step is %lld: it counts from 1", static_cast<long long>(settings->step));
  for (int64_t i = 0; i < n; ++i) {
    Check one("adamw");
    const int64_t count = params[i].count;
    with_storage(&params[i], [&](auto storage) {
      using Storage = decltype(storage);
      one.output<Storage>(&params[i], "a tensor of params", {count});
    });
    if (lows && lows[i].count > 0) {
      if (params[i].dtype != OUTRIGHT_BFLOAT16)
        check.invalid("tensor %lld of params is %s: only bfloat16 takes a low", static_cast<long long>(i),
                      dtype_name(params[i].dtype));
      one.output<int16_t>(&lows[i], "its low", {count});
    }
    one.input(&grads[i], "its gradient", {count});
    one.output(&m[i], "its moment m", {count});
    one.output(&v[i], "its moment v", {count});
    one.separate();
  }
}

}  // namespace outright
