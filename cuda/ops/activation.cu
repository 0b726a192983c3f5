// Operations element by element.
#include "kernels/activation.cuh"

#include "kernels/each.cuh"
#include "operations.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

template <typename X>
struct SiluGate {
  const X *gate, *up;
  X* y;
  template <int n>
  __device__ void at(int64_t i) const {
    const Floats<n> z = load<n>(gate + i);
    const Floats<n> u = load<n>(up + i);
    Floats<n> result;
#pragma unroll
    for (int k = 0; k < n; ++k) result.at[k] = z.at[k] * sigmoid(z.at[k]) * u.at[k];
    store<n>(y + i, result);
  }
};

template <typename X>
struct SiluGateBackward {
  const X *dy, *gate, *up;
  X *dgate, *dup;
  bool accumulate;
  template <int n>
  __device__ void at(int64_t i) const {
    const Floats<n> d = load<n>(dy + i);
    const Floats<n> z = load<n>(gate + i);
    const Floats<n> u = load<n>(up + i);
    Floats<n> to_gate{}, to_up{};
    if (accumulate) {
      to_gate = load<n>(dgate + i);
      to_up = load<n>(dup + i);
    }
#pragma unroll
    for (int k = 0; k < n; ++k) {
      const float s = sigmoid(z.at[k]);
      // silu'(z) = s + z s (1 - s), with 1 - s = sigmoid(-z)
      to_gate.at[k] += d.at[k] * u.at[k] * (s + z.at[k] * s * sigmoid(-z.at[k]));
      to_up.at[k] += d.at[k] * (z.at[k] * s);
    }
    store<n>(dgate + i, to_gate);
    store<n>(dup + i, to_up);
  }
};

template <typename X>
struct Gelu {
  const X* x;
  X* y;
  bool tanh;
  template <int n>
  __device__ void at(int64_t i) const {
    Floats<n> values = load<n>(x + i);
#pragma unroll
    for (int k = 0; k < n; ++k) values.at[k] = gelu_value(values.at[k], tanh);
    store<n>(y + i, values);
  }
};

template <typename X>
struct GeluBackward {
  const X *dy, *x;
  X* dx;
  bool tanh, accumulate;
  template <int n>
  __device__ void at(int64_t i) const {
    const Floats<n> d = load<n>(dy + i);
    const Floats<n> values = load<n>(x + i);
    Floats<n> result{};
    if (accumulate) result = load<n>(dx + i);
#pragma unroll
    for (int k = 0; k < n; ++k) result.at[k] += d.at[k] * gelu_slope(values.at[k], tanh);
    store<n>(dx + i, result);
  }
};

template <typename X>
struct Add {
  const X *a, *b;
  X* y;
  template <int n>
  __device__ void at(int64_t i) const {
    Floats<n> sum = load<n>(a + i);
    const Floats<n> other = load<n>(b + i);
#pragma unroll
    for (int k = 0; k < n; ++k) sum.at[k] += other.at[k];
    store<n>(y + i, sum);
  }
};

template <typename X>
struct Scale {
  X* x;
  float factor;
  template <int n>
  __device__ void at(int64_t i) const {
    Floats<n> values = load<n>(x + i);
#pragma unroll
    for (int k = 0; k < n; ++k) values.at[k] *= factor;
    store<n>(x + i, values);
  }
};

}  // namespace

void silu_gate(Device& device, const outright_tensor* gate, const outright_tensor* up,
               const outright_tensor* y, int64_t count) {
  with_storage(gate, [&](auto storage) {
    using X = decltype(storage);
    Check check("silu_gate");
    check.sizes({{"count", count}});
    const X* GATE = check.input<X>(gate, "gate", {count});
    const X* UP = check.input<X>(up, "up", {count});
    X* Y = check.in_place<X>(y, "y", {count});
    check.separate();
    for_each<X>(device, count, {GATE, UP, Y}, SiluGate<X>{GATE, UP, Y});
  });
}

void silu_gate_backward(Device& device, const outright_tensor* dy, const outright_tensor* gate,
                        const outright_tensor* up, const outright_tensor* dgate, const outright_tensor* dup,
                        int64_t count, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("silu_gate_backward");
    check.sizes({{"count", count}});
    const X* DY = check.input<X>(dy, "dy", {count});
    const X* GATE = check.input<X>(gate, "gate", {count});
    const X* UP = check.input<X>(up, "up", {count});
    X* DGATE = check.output<X>(dgate, "dgate", {count});
    X* DUP = check.output<X>(dup, "dup", {count});
    check.separate();
    for_each<X>(device, count, {DY, GATE, UP, DGATE, DUP},
                SiluGateBackward<X>{DY, GATE, UP, DGATE, DUP, accumulate != 0});
  });
}

void gelu(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count, int32_t tanh) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("gelu");
    check.sizes({{"count", count}});
    const X* from = check.input<X>(x, "x", {count});
    X* Y = check.in_place<X>(y, "y", {count});
    check.separate();
    for_each<X>(device, count, {from, Y}, Gelu<X>{from, Y, tanh != 0});
  });
}

void gelu_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                   const outright_tensor* dx, int64_t count, int32_t tanh, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using X = decltype(storage);
    Check check("gelu_backward");
    check.sizes({{"count", count}});
    const X* DY = check.input<X>(dy, "dy", {count});
    const X* from = check.input<X>(x, "x", {count});
    X* DX = check.output<X>(dx, "dx", {count});
    check.separate();
    for_each<X>(device, count, {DY, from, DX}, GeluBackward<X>{DY, from, DX, tanh != 0, accumulate != 0});
  });
}

void add(Device& device, const outright_tensor* a, const outright_tensor* b, const outright_tensor* y,
         int64_t count) {
  with_storage(a, [&](auto storage) {
    using X = decltype(storage);
    Check check("add");
    check.sizes({{"count", count}});
    const X* A = check.input<X>(a, "a", {count});
    const X* B = check.input<X>(b, "b", {count});
    X* Y = check.in_place<X>(y, "y", {count});
    check.separate();
    for_each<X>(device, count, {A, B, Y}, Add<X>{A, B, Y});
  });
}

void scale(Device& device, const outright_tensor* x, double factor, int64_t count) {
  with_storage(x, [&](auto storage) {
    using X = decltype(storage);
    Check check("scale");
    check.sizes({{"count", count}});
    X* data = check.output<X>(x, "x", {count});
    for_each<X>(device, count, {data}, Scale<X>{data, static_cast<float>(factor)});
  });
}

}  // namespace outright::cuda
