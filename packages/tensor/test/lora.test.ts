/** A linear layer with a low-rank adapter: its gradients, its dropout, and what it leaves alone. */
import { adaptedLinear, Device, linear, Parameter, scope, Tape, Tensor } from "@outright/tensor";
import { afterAll, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());

/** Well spread values in (-1, 1), the same for the same seed. */
const values = (count: number, seed: number) =>
  Float32Array.from(
    { length: count },
    (_, i) => 2 * (((i + 1) * 0.61803398875 + seed * 0.754877666) % 1) - 1,
  );

function parameter(name: string, shape: number[], seed: number, trainable = true): Parameter {
  const made = new Parameter(device, name, shape, { trainable });
  made.write(values(made.count, seed));
  return made;
}

const [M, N, K, R] = [7, 5, 6, 3];
const x = parameter("x", [M, K], 1);
const w = parameter("w", [N, K], 2, false);
const bias = parameter("bias", [N], 3, false);
const residual = parameter("residual", [M, N], 4);
const a = parameter("a", [R, K], 5);
const b = parameter("b", [N, R], 6);

describe("adaptedLinear", () => {
  for (const dropout of [null, { p: 0.4, seed: 12345 }]) {
    const layer = () => adaptedLinear(x, w, bias, { a, b, scale: 0.75, dropout }, residual);

    it(`sends the gradient of finite differences back, ${dropout === null ? "plain" : "with dropout"}`, () => {
      for (const p of [x, residual, a, b]) p.zeroGradient();
      const g = values(M * N, 9);
      scope(() => {
        const tape = new Tape();
        const y = tape.record(layer);
        tape.backward(y, Tensor.from(device, g, [M, N]));
      });
      const weighted = () =>
        scope(() =>
          layer()
            .toFloat32()
            .reduce((sum, value, i) => sum + value * (g[i] as number), 0),
        );
      for (const p of [x, residual, a, b]) {
        const gradient = p.gradient().toFloat32();
        const base = p.toFloat32();
        expect(Math.max(...gradient.map(Math.abs)), p.name).toBeGreaterThan(0.1);
        for (let i = 0; i < base.length; i++) {
          const at = (delta: number) => {
            p.write(Float32Array.of((base[i] as number) + delta), i);
            return weighted();
          };
          const slope = (at(1e-2) - at(-1e-2)) / 2e-2; // each input enters linearly: no error but rounding
          p.write(base);
          expect(Math.abs(slope - (gradient[i] as number)), `${p.name}[${i}]`).toBeLessThan(2e-4);
        }
      }
    });
  }

  it("gives what is frozen no gradient buffer", () => {
    expect([w.grad, bias.grad]).toEqual([null, null]);
  });

  it("is linear, bit for bit, while b is zero; dropout too changes nothing then", () => {
    scope(() => {
      const zero = Tensor.zeros(device, [N, R]);
      const plain = linear(x, w, bias, residual).toFloat32();
      for (const dropout of [null, { p: 0.5, seed: 7 }]) {
        const adapted = adaptedLinear(x, w, bias, { a, b: zero, scale: 2, dropout }, residual);
        expect(adapted.toFloat32()).toEqual(plain);
      }
    });
  });

  it("drops by seed: the same seed the same output, another seed another", () => {
    scope(() => {
      const of = (seed: number) =>
        adaptedLinear(x, w, null, { a, b, scale: 1, dropout: { p: 0.5, seed } }).toFloat32();
      expect(of(3)).toEqual(of(3));
      expect(of(4)).not.toEqual(of(3));
    });
  });

  it("keeps the mean of the adapter's part under dropout", () => {
    scope(() => {
      const adapter = (dropout: { p: number; seed: number } | null) =>
        adaptedLinear(x, w, null, { a, b, scale: 1, dropout }).toFloat32();
      const whole = adapter(null);
      const mean = new Float64Array(whole.length);
      const draws = 4000;
      for (let seed = 0; seed < draws; seed++)
        scope(() =>
          adapter({ p: 0.3, seed }).forEach((value, i) => (mean[i] = (mean[i] ?? 0) + value / draws)),
        );
      mean.forEach((value, i) => expect(Math.abs(value - (whole[i] as number))).toBeLessThan(0.06));
    });
  });

  it("leaves nothing on the device after a step but parameters and their gradients", () => {
    const before = device.memory().liveBuffers;
    scope(() => {
      const tape = new Tape();
      const dropout = { p: 0.4, seed: 1 };
      const y = tape.record(() => adaptedLinear(x, w, bias, { a, b, scale: 0.5, dropout }, residual));
      tape.backward(y, Tensor.from(device, values(M * N, 9), [M, N]));
    });
    expect(device.memory().liveBuffers).toBe(before);
  });
});

describe("linear with a residual", () => {
  it("adds it, and passes the gradient on", () => {
    residual.zeroGradient();
    x.zeroGradient();
    const g = values(M * N, 8);
    scope(() => {
      const plain = linear(x, w, bias).toFloat32();
      const r = residual.toFloat32();
      const tape = new Tape();
      const y = tape.record(() => linear(x, w, bias, residual));
      y.toFloat32().forEach((value, i) =>
        expect(value).toBeCloseTo((plain[i] as number) + (r[i] as number), 6),
      );
      tape.backward(y, Tensor.from(device, g, [M, N]));
    });
    expect(residual.gradient().toFloat32()).toEqual(g);
    expect(Math.max(...x.gradient().toFloat32().map(Math.abs))).toBeGreaterThan(0);
  });

  it("refuses a bias that trains beside a frozen weight, whose gradient would be lost", () => {
    const trains = parameter("trains", [N], 1);
    expect(() => linear(x, w, trains)).toThrow("a bias that trains beside a frozen weight is not supported");
    trains.dispose();
  });
});
