// The norm of all gradients and the AdamW update.
#include <cmath>
#include <vector>

#include "check.h"
#include "operations.h"
#include "row_math.h"
#include "tiles.h"

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
                    const float* x = static_cast<const float*>(tensors[tensor].data);
                    constexpr int kSums = 16;
                    double partial[kSums] = {};
                    int64_t i = range.begin;
                    for (; i + kSums <= range.end; i += kSums)
                      for (int j = 0; j < kSums; ++j)
                        partial[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
                    for (int j = 0; i < range.end; ++i, ++j)
                      partial[j] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
                    double sum = 0;
                    for (const double value : partial) sum += value;
                    sums[static_cast<size_t>(c)] = sum;
                  });
  double total = 0;
  for (const double sum : sums) total += sum;
  *norm = std::sqrt(total);
}

void adamw(Device& device, const outright_tensor* params, const outright_tensor* masters,
           const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v, int64_t n,
           const outright_adamw_settings* settings) {
  const Check check("adamw");
  check.sizes({{"n", n}});
  if (masters) check.invalid("masters are not supported yet");
  check.host(settings, "settings", 1);
  for (const auto& [list, name] : {std::pair{params, "params"}, {grads, "grads"}, {m, "m"}, {v, "v"}})
    check.host(list, name, n);
  if (settings->step < 1)
    check.invalid("step is %lld: it counts from 1", static_cast<long long>(settings->step));
  for (int64_t i = 0; i < n; ++i) {
    Check one("adamw");
    const int64_t count = params[i].count;
    one.output(&params[i], "a tensor of params", {count});
    one.input(&grads[i], "its gradient", {count});
    one.output(&m[i], "its moment m", {count});
    one.output(&v[i], "its moment v", {count});
    one.separate();
  }

  // Scalars in float64; the moments and weights in float32.
  const outright_adamw_settings& s = *settings;
  const double step = static_cast<double>(s.step);
  const float keep = static_cast<float>(1.0 - s.lr * s.weight_decay);
  const float grad_scale = static_cast<float>(s.grad_scale);
  const float beta1 = static_cast<float>(s.beta1);
  const float beta2 = static_cast<float>(s.beta2);
  const float rest1 = static_cast<float>(1.0 - s.beta1);
  const float rest2 = static_cast<float>(1.0 - s.beta2);
  const float step_size = static_cast<float>(s.lr / (1.0 - std::pow(s.beta1, step)));
  const float root_bias2 = static_cast<float>(std::sqrt(1.0 - std::pow(s.beta2, step)));
  const float eps = static_cast<float>(s.eps);

  int64_t elements = 0;
  const std::vector<Chunk> chunks = chunks_of(params, n, &elements);
  device.pool.run(static_cast<int64_t>(chunks.size()), 20.0 * static_cast<double>(elements),
                  [&](int64_t c, int) {
                    const auto [tensor, range] = chunks[static_cast<size_t>(c)];
                    const auto at = [&](const outright_tensor* list) {
                      return static_cast<float*>(list[tensor].data) + range.begin;
                    };
                    float* p = at(params);
                    const float* grad = at(grads);
                    float* m_at = at(m);
                    float* v_at = at(v);
                    for_vectors(range.size(), [&](int64_t i, int64_t lanes) {
                      const Vec g = load_n(grad + i, lanes) * grad_scale;
                      const Vec first = load_n(m_at + i, lanes) * beta1 + g * rest1;
                      const Vec second = load_n(v_at + i, lanes) * beta2 + g * g * rest2;
                      const Vec decayed = load_n(p + i, lanes) * keep;
                      const Vec update = first / (sqrt(second) / root_bias2 + eps);
                      store_n(m_at + i, first, lanes);
                      store_n(v_at + i, second, lanes);
                      store_n(p + i, decayed - update * step_size, lanes);
                    });
                  });
}

}  // namespace outright::cpu
