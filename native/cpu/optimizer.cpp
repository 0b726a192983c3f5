// The norm of all gradients and the AdamW update.
#include <cmath>
#include <limits>
#include <vector>

#include "master.h"
#include "operations.h"
#include "shared/adamw_arguments.h"
#include "shared/check.h"
#include "stochastic_rounding.h"
#include "tiles.h"
#include "wide.h"

namespace outright::cpu {

namespace {

// Chunks of several tensors as one list, so that all of them share one run of the pool.
struct Chunk {
  int64_t tensor;
  Range range;
};
std::vector<Chunk> chunks_of(const outright_tensor* tensors, int64_t n, int64_t* elements) {
  std::vector<Chunk> chunks;
  *elements = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t count = tensors[i].count;
    for (int64_t c = 0; c < ceil_div(count, kChunk); ++c) chunks.push_back({i, part(c, kChunk, count)});
    *elements += count;
  }
  return chunks;
}

// The update in float32 of a vector of parameters and its moments.
struct AdamW : AdamWScalars {
  using AdamWScalars::AdamWScalars;

  // The new values of p; m and v are updated in place.
  Vec operator()(Vec p, const float* grad, float* m, float* v, int64_t lanes) const {
    const Vec g = load_n(grad, lanes) * grad_scale;
    const Vec first = load_n(m, lanes) * beta1 + g * rest1;
    const Vec second = load_n(v, lanes) * beta2 + g * g * rest2;
    const Vec update = first / (sqrt(second) / root_bias2 + eps);
    store_n(m, first, lanes);
    store_n(v, second, lanes);
    return p * keep - update * step_size;
  }
};

}  // namespace

void global_norm(Device& device, const outright_tensor* tensors, int64_t n, double* norm) {
  const Check check("global_norm");
  check.sizes({{"n", n}});
  check.host(tensors, "tensors", n);
  check.host(norm, "norm", 1);
  for (int64_t i = 0; i < n; ++i) Check("global_norm").input(&tensors[i], "a tensor", {tensors[i].count});

  int64_t elements = 0;
  const std::vector<Chunk> chunks = chunks_of(tensors, n, &elements);
  std::vector<double> sums(chunks.size());
  device.pool.run(static_cast<int64_t>(chunks.size()), 2.0 * static_cast<double>(elements),
                  [&](int64_t c, int) {
                    const auto [tensor, range] = chunks[static_cast<size_t>(c)];
                    const float* x = static_cast<const float*>(tensors[tensor].data) + range.begin;
                    sums[static_cast<size_t>(c)] = sum_of_squares(x, range.size());
                  });
  double total = 0;
  for (const double sum : sums) total += sum;
  *norm = std::sqrt(total);
}

void adamw(Device& device, const outright_tensor* params, const outright_tensor* lows,
           const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v, int64_t n,
           const outright_adamw_settings* settings) {
  check_adamw(params, lows, grads, m, v, n, settings, "adamw");
  const auto has_low = [&](int64_t i) { return lows && lows[i].count > 0; };

  const AdamW updated(*settings);
  const uint64_t draw =
      mix_bits(mix_bits(settings->seed) + static_cast<uint64_t>(settings->step));  // of this step
  int64_t elements = 0;
  const std::vector<Chunk> chunks = chunks_of(params, n, &elements);
  device.pool.run(
      static_cast<int64_t>(chunks.size()), 20.0 * static_cast<double>(elements), [&](int64_t c, int) {
        const auto [tensor, range] = chunks[static_cast<size_t>(c)];
        const auto at = [&](const outright_tensor* list) {
          return static_cast<float*>(list[tensor].data) + range.begin;
        };
        const float* grad = at(grads);
        float* m_at = at(m);
        float* v_at = at(v);
        if (params[tensor].dtype == OUTRIGHT_FLOAT32) {
          float* p = at(params);
          for_vectors(range.size(), [&](int64_t i, int64_t lanes) {
            store_n(p + i, updated(load_n(p + i, lanes), grad + i, m_at + i, v_at + i, lanes), lanes);
          });
          return;
        }
        bfloat16* p = static_cast<bfloat16*>(params[tensor].data) + range.begin;
        if (has_low(tensor)) {
          int16_t* low = static_cast<int16_t*>(lows[tensor].data) + range.begin;
          for_vectors(range.size(), [&](int64_t i, int64_t lanes) {
            const Vec master = load_master(p + i, low + i, lanes);
            store_master(p + i, low + i, updated(master, grad + i, m_at + i, v_at + i, lanes), lanes);
          });
          return;
        }
        const StochasticRounding rounding(mix_bits(draw + static_cast<uint64_t>(tensor)));
        for_vectors(range.size(), [&](int64_t i, int64_t lanes) {
          const Vec value = updated(load_n(p + i, lanes), grad + i, m_at + i, v_at + i, lanes);
          store_n(p + i, rounding(value, range.begin + i), lanes);
        });
      });
}

void adamw_clipped(Device& device, const outright_tensor* params, const outright_tensor* lows,
                   const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v,
                   int64_t n, const outright_adamw_settings* settings, double clip, double* norm) {
  check_adamw(params, lows, grads, m, v, n, settings, "adamw_clipped");
  check_clip(clip, norm);
  global_norm(device, grads, n, norm);
  if (!device.finite_results) *norm = std::numeric_limits<double>::quiet_NaN();
  if (!std::isfinite(*norm)) return;
  outright_adamw_settings scaled = *settings;
  if (clip > 0) scaled.grad_scale *= std::fmin(1.0, clip / (*norm + 1e-6));
  adamw(device, params, lows, grads, m, v, n, &scaled);
}

}  // namespace outright::cpu
