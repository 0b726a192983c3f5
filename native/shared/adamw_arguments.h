// The arguments of an AdamW update, and the scalars of one.
#pragma once

#include <cmath>
#include <utility>

#include "check.h"

namespace outright {

inline void check_adamw(const outright_tensor* params, const outright_tensor* lows,
                        const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v,
                        int64_t n, const outright_adamw_settings* settings, const char* operation) {
  const Check check(operation);
  check.sizes({{"n", n}});
  check.host(settings, "settings", 1);
  for (const auto& [list, name] : {std::pair{params, "params"}, {grads, "grads"}, {m, "m"}, {v, "v"}})
    check.host(list, name, n);
  if (settings->step < 1)
    check.invalid("step is %lld: it counts from 1", static_cast<long long>(settings->step));
  for (int64_t i = 0; i < n; ++i) {
    Check one(operation);
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

// Of adamw_clipped, beside those of adamw.
inline void check_clip(double clip, const double* norm) {
  const Check check("adamw_clipped");
  check.host(norm, "norm", 1);
  if (!(clip >= 0)) check.invalid("clip is %g: it must be 0 or more", clip);
}

struct AdamWScalars {
  float keep, grad_scale, beta1, beta2, rest1, rest2, step_size, root_bias2, eps;

  explicit AdamWScalars(const outright_adamw_settings& s) {  // scalars in float64
    const double step = static_cast<double>(s.step);
    keep = static_cast<float>(1.0 - s.lr * s.weight_decay);
    grad_scale = static_cast<float>(s.grad_scale);
    beta1 = static_cast<float>(s.beta1);
    beta2 = static_cast<float>(s.beta2);
    rest1 = static_cast<float>(1.0 - s.beta1);
    rest2 = static_cast<float>(1.0 - s.beta2);
    step_size = static_cast<float>(s.lr / (1.0 - std::pow(s.beta1, step)));
    root_bias2 = static_cast<float>(std::sqrt(1.0 - std::pow(s.beta2, step)));
    eps = static_cast<float>(s.eps);
  }
};

}  // namespace outright
