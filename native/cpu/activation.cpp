// Operations element by element.
#include "gelu.h"
#include "math.h"
#include "operations.h"
#include "shared/check.h"
#include "tiles.h"

namespace outright::cpu {

namespace {

// Calls body(i, n) for the vectors of all elements.
template <typename Body>
void for_elements(Device& device, int64_t count, double cost, const Body& body) {
  for_chunks(device, count, cost, [&](int64_t begin, int64_t end) {
    for_vectors(end - begin, [&](int64_t d, int64_t n) { body(begin + d, n); });
  });
}

}  // namespace

void silu_gate(Device& device, const outright_tensor* gate, const outright_tensor* up,
               const outright_tensor* y, int64_t count) {
  with_storage(gate, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("silu_gate");
    check.sizes({{"count", count}});
    const Storage* GATE = check.input<Storage>(gate, "gate", {count});
    const Storage* UP = check.input<Storage>(up, "up", {count});
    Storage* Y = check.in_place<Storage>(y, "y", {count});
    check.separate();
    for_elements(device, count, 20, [&](int64_t i, int64_t n) {
      const Vec z = load_n(GATE + i, n);
      store_n(Y + i, z / (1.0f + exp(-z)) * load_n(UP + i, n), n);
    });
  });
}

void silu_gate_backward(Device& device, const outright_tensor* dy, const outright_tensor* gate,
                        const outright_tensor* up, const outright_tensor* dgate, const outright_tensor* dup,
                        int64_t count, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("silu_gate_backward");
    check.sizes({{"count", count}});
    const Storage* DY = check.input<Storage>(dy, "dy", {count});
    const Storage* GATE = check.input<Storage>(gate, "gate", {count});
    const Storage* UP = check.input<Storage>(up, "up", {count});
    Storage* DGATE = check.output<Storage>(dgate, "dgate", {count});
    Storage* DUP = check.output<Storage>(dup, "dup", {count});
    check.separate();
    for_elements(device, count, 30, [&](int64_t i, int64_t n) {
      const Vec z = load_n(GATE + i, n);
      const Vec d = load_n(DY + i, n);
      const Vec s = sigmoid(z);
      // silu'(z) = s + z s (1 - s), with 1 - s = sigmoid(-z)
      const Vec slope = s + z * s * sigmoid(-z);
      Vec to_gate = d * load_n(UP + i, n) * slope;
      Vec to_up = d * (z * s);
      if (accumulate) {
        to_gate += load_n(DGATE + i, n);
        to_up += load_n(DUP + i, n);
      }
      store_n(DGATE + i, to_gate, n);
      store_n(DUP + i, to_up, n);
    });
  });
}

void gelu(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count, int32_t tanh) {
  with_storage(x, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("gelu");
    check.sizes({{"count", count}});
    const Storage* X = check.input<Storage>(x, "x", {count});
    Storage* Y = check.in_place<Storage>(y, "y", {count});
    check.separate();
    for_elements(device, count, 40, [&](int64_t i, int64_t n) {
      store_n(Y + i, gelu_value<Storage>(load_n(X + i, n), tanh != 0), n);
    });
  });
}

void gelu_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                   const outright_tensor* dx, int64_t count, int32_t tanh, int32_t accumulate) {
  with_storage(dy, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("gelu_backward");
    check.sizes({{"count", count}});
    const Storage* DY = check.input<Storage>(dy, "dy", {count});
    const Storage* X = check.input<Storage>(x, "x", {count});
    Storage* DX = check.output<Storage>(dx, "dx", {count});
    check.separate();
    for_elements(device, count, 50, [&](int64_t i, int64_t n) {
      const Vec gradient = load_n(DY + i, n) * gelu_slope<Storage>(load_n(X + i, n), tanh != 0);
      store_n(DX + i, accumulate ? load_n(DX + i, n) + gradient : gradient, n);
    });
  });
}

void add(Device& device, const outright_tensor* a, const outright_tensor* b, const outright_tensor* y,
         int64_t count) {
  with_storage(a, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("add");
    check.sizes({{"count", count}});
    const Storage* A = check.input<Storage>(a, "a", {count});
    const Storage* B = check.input<Storage>(b, "b", {count});
    Storage* Y = check.in_place<Storage>(y, "y", {count});
    check.separate();
    for_elements(device, count, 2,
                 [&](int64_t i, int64_t n) { store_n(Y + i, load_n(A + i, n) + load_n(B + i, n), n); });
  });
}

void scale(Device& device, const outright_tensor* x, double factor, int64_t count) {
  with_storage(x, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("scale");
    check.sizes({{"count", count}});
    Storage* X = check.output<Storage>(x, "x", {count});
    const float f = static_cast<float>(factor);
    for_elements(device, count, 2, [&](int64_t i, int64_t n) { store_n(X + i, load_n(X + i, n) * f, n); });
  });
}

}  // namespace outright::cpu
