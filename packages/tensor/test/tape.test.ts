/** The tape on small graphs, against central differences of the same graph run forward only. */
import {
  add,
  attention,
  checkpoint,
  Device,
  embedding,
  fusedAttention,
  gatherRows,
  gelu,
  layerNorm,
  linear,
  logprobHead,
  Parameter,
  remade,
  rmsNorm,
  rotary,
  scope,
  segment,
  siluGate,
  Tape,
  Tensor,
} from "@outright/tensor";
import { afterAll, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());

/** Well spread values in (-scale, scale), the same for the same seed. */
function values(count: number, seed: number, scale = 1): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => scale * (2 * (((i + 1) * 0.61803398875 + seed * 0.754877666) % 1) - 1),
  );
}

function parameter(name: string, shape: number[], seed: number, scale = 1): Parameter {
  const made = new Parameter(device, name, shape);
  made.write(values(made.count, seed, scale));
  return made;
}

const T = 6;
const spans = () => ({
  start: Tensor.from(device, Int32Array.of(0, 0, 0, 3, 3, 3)),
  skipFrom: Tensor.from(device, Int32Array.of(0, 0, 0, 0, 0, 3)),
  skipTo: Tensor.from(device, Int32Array.of(0, 0, 0, 0, 0, 4)),
});
const positions = () => Tensor.from(device, Int32Array.of(0, 1, 2, 0, 1, 1));
const tables = () => {
  const angle = (i: number) => Math.floor(i / 2) * (i % 2 === 0 ? 1 : 0.1);
  return {
    cos: Tensor.from(
      device,
      Float32Array.from({ length: 8 }, (_, i) => Math.cos(angle(i))),
      [4, 2],
    ),
    sin: Tensor.from(
      device,
      Float32Array.from({ length: 8 }, (_, i) => Math.sin(angle(i))),
      [4, 2],
    ),
  };
};

/** Σ weights · output; its gradient with respect to every parameter by both ways. */
function check(parameters: Parameter[], graph: () => Tensor, tolerance = 2e-2): void {
  const weighted = () =>
    scope(() => {
      const y = graph().toFloat32();
      const w = values(y.length, 9);
      return y.reduce((sum, value, i) => sum + value * (w[i] as number), 0);
    });
  scope(() => {
    const tape = new Tape();
    const y = tape.record(graph);
    tape.backward(y, Tensor.from(device, values(y.count, 9), y.shape));
  });
  for (const p of parameters) {
    const gradient = p.gradient().toFloat32();
    const base = p.toFloat32();
    const scale = Math.max(...gradient.map(Math.abs));
    expect(scale, `${p.name} gets a gradient`).toBeGreaterThan(0);
    for (let i = 0; i < base.length; i++) {
      const at = (delta: number) => {
        p.write(Float32Array.of((base[i] as number) + delta), i);
        return weighted();
      };
      const slope = (at(5e-3) - at(-5e-3)) / 1e-2;
      p.write(base);
      expect(Math.abs(slope - (gradient[i] as number)), `${p.name}[${i}]`).toBeLessThan(tolerance * scale);
    }
  }
}

describe("tape", () => {
  it("linear, bias, and an input used twice", () => {
    const x = parameter("x", [T, 4], 1);
    const w = parameter("w", [4, 4], 2);
    const b = parameter("b", [4], 3);
    check([x, w, b], () => {
      const y = linear(x, w, b);
      return add(add(y, linear(y, w, b)), y);
    });
  });

  it("norms, gelu and silu gate", () => {
    const x = parameter("x", [T, 5], 1);
    const w = parameter("w", [5], 2);
    const b = parameter("b", [5], 3);
    check([x, w, b], () => {
      const normed = layerNorm(x, w, b, 1e-5);
      return siluGate(gelu(rmsNorm(normed, w, 1e-5), "tanh"), gelu(normed, "exact"));
    });
  });

  it("embedding, rotary and grouped attention over packed rows", () => {
    const table = parameter("table", [5, 6], 1);
    const q = parameter("q", [8, 6], 2);
    const k = parameter("k", [4, 6], 3);
    const v = parameter("v", [4, 6], 4);
    check([table, q, k, v], () => {
      const x = embedding(Tensor.from(device, Int32Array.of(0, 1, 2, 3, 0, 4)), table);
      const turn = { headSize: 4, period: 1, rotated: 1 };
      return attention(
        rotary(linear(x, q), positions(), tables(), turn),
        rotary(linear(x, k), positions(), tables(), turn),
        linear(x, v),
        spans(),
        {
          queryHeads: 2,
          keyHeads: 1,
          headSize: 4,
          scale: 0.5,
        },
      );
    });
  });

  it("fused attention", () => {
    const x = parameter("x", [T, 3], 1);
    const w = parameter("w", [24, 3], 2);
    check([x, w], () =>
      fusedAttention(
        rotary(linear(x, w), positions(), tables(), { headSize: 4, period: 3, rotated: 2 }),
        spans(),
        {
          queryHeads: 2,
          keyHeads: 2,
          headSize: 4,
          scale: 0.5,
        },
      ),
    );
  });

  it("gathered rows and the log-prob head, tied to the embedding", () => {
    const table = parameter("table", [7, 4], 1);
    check([table], () => {
      const x = embedding(Tensor.from(device, Int32Array.of(0, 1, 2, 3, 0, 6)), table);
      const rows = gatherRows(x, Tensor.from(device, Int32Array.of(1, 3, 5)));
      return logprobHead(rows, table, Tensor.from(device, Int32Array.of(2, 6, 0)));
    });
  });

  it("records nothing outside, and frees all but gradients", () => {
    const w = parameter("w", [3, 3], 1);
    const gradient = w.gradient();
    const before = device.memory().liveBuffers;
    scope(() => {
      linear(Tensor.zeros(device, [2, 3]), w);
    });
    scope(() => {
      const tape = new Tape();
      const y = tape.record(() => linear(Tensor.from(device, values(6, 1), [2, 3]), w));
      tape.backward(y, Tensor.from(device, values(6, 2), [2, 3]));
    });
    expect(device.memory().liveBuffers).toBe(before);
    expect(gradient.disposed).toBe(false);
    expect(Math.max(...gradient.toFloat32())).not.toBe(0);
  });
});

describe("less memory", () => {
  /** A block with an attention that `recompute` says how to run. */
  const graph = (x: Tensor, w: Parameter, out: Parameter, recompute: "none" | "attention" | "block") => {
    const turned = () => [
      rotary(linear(x, w), positions(), tables(), { headSize: 4, period: 3, rotated: 2 }),
    ];
    const attend = ([qkv]: readonly Tensor[]) =>
      fusedAttention(qkv as Tensor, spans(), { queryHeads: 2, keyHeads: 2, headSize: 4, scale: 0.5 });
    const body = () => {
      const o = recompute === "attention" ? remade(turned, attend) : attend(turned());
      return add(gelu(linear(o, out), "tanh"), x);
    };
    return recompute === "block" ? checkpoint([x], body) : segment(body);
  };
  const run = (recompute: "none" | "attention" | "block") => {
    const table = parameter("table", [6, 5], 1);
    const w = parameter("w", [24, 5], 2);
    const out = parameter("out", [5, 8], 3);
    const live = () => device.memory().liveBytes;
    const base = live();
    let kept = 0;
    const result = scope(() => {
      const tape = new Tape();
      const y = tape.record(() => {
        const x = embedding(Tensor.from(device, Int32Array.of(0, 1, 2, 3, 4, 5)), table);
        return graph(graph(x, w, out, recompute), w, out, recompute);
      });
      kept = live() - base;
      tape.backward(y, Tensor.from(device, values(y.count, 9), y.shape));
      return y.toFloat32();
    });
    const parameters = [table, w, out];
    const gradients = parameters.map((p) => p.gradient().toFloat32());
    expect(live() - base).toBe(parameters.reduce((bytes, p) => bytes + 4 * p.count, 0));
    for (const p of parameters) p.dispose();
    return { result, gradients, kept };
  };

  it("checkpoint and remade give the same bits and keep less", () => {
    const none = run("none");
    for (const recompute of ["attention", "block"] as const) {
      const again = run(recompute);
      expect(again.result).toEqual(none.result);
      expect(again.gradients).toEqual(none.gradients);
    }
    expect(run("attention").kept).toBeLessThan(none.kept);
    expect(run("block").kept).toBeLessThan(run("attention").kept);
  });

  it("an output that no backward reads is freed with its segment", () => {
    const w = parameter("w", [4, 4], 1);
    scope(() => {
      const x = Tensor.from(device, values(8, 1), [2, 4]);
      const tape = new Tape();
      const unread: Tensor[] = [];
      const y = tape.record(() =>
        segment(() => {
          const a = linear(x, w);
          const b = add(a, x);
          unread.push(a);
          return gelu(b, "exact");
        }),
      );
      expect(unread.map(({ disposed }) => disposed)).toEqual([true]);
      tape.backward(y, Tensor.from(device, values(8, 2), [2, 4]));
    });
    w.dispose();
  });

  it("a checkpoint sends nothing back where nothing wants a gradient", () => {
    scope(() => {
      const x = Tensor.from(device, values(8, 1), [2, 4]);
      const tape = new Tape();
      const y = tape.record(() => checkpoint([x], () => gelu(x, "exact")));
      expect([y.requiresGrad, tape.length]).toEqual([false, 0]);
    });
  });
});

describe("shape errors name the operation", () => {
  it("linear", () => {
    scope(() => {
      expect(() => linear(Tensor.zeros(device, [2, 3]), Tensor.zeros(device, [4, 5]))).toThrow(
        "linear: the inner side of w is 5, expected 3",
      );
      expect(() => linear(Tensor.zeros(device, [6]), Tensor.zeros(device, [4, 5]))).toThrow(
        "linear: x must be a matrix",
      );
    });
  });

  it("an id outside the vocabulary is named", () => {
    scope(() => {
      expect(() => embedding(Tensor.from(device, Int32Array.of(0, 5)), Tensor.zeros(device, [5, 2]))).toThrow(
        /5/,
      );
    });
  });
});
