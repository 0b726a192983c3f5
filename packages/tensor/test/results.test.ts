/** Losses stay on their device until somebody reads one. */
import { Device, dpoSigmoid, type NativeDevice, scope, sftNll, Tensor } from "@outright/tensor";
import { afterAll, beforeEach, describe, expect, it } from "vitest";

let taken = 0;
const device = Device.open({ backend: "cpu" }, (native) => {
  return new Proxy(native, {
    get: (target, name: keyof NativeDevice) => {
      if (name === "takeResults") taken++;
      return (target[name] as (...args: never[]) => unknown).bind(target);
    },
  });
});
afterAll(() => device.close());
beforeEach(() => {
  taken = 0;
});

const floats = (...values: number[]) => Tensor.from(device, Float32Array.from(values));
const logp = () => floats(-1, -2, -4, -0.5);
const pair = () => {
  const offsets = Tensor.from(device, Int32Array.of(0, 1, 4));
  return dpoSigmoid(logp(), offsets, Float64Array.of(-1, -6), { beta: 0.5, scale: 3 });
};

describe("losses", () => {
  it("arrive together when one is read, each with its own", () => {
    scope(() => {
      const first = sftNll(logp(), floats(1, 0, 0.5, 0));
      const preference = pair();
      const last = sftNll(logp(), floats(0, 0, 0, 2));
      expect(taken).toBe(0);
      expect(last.loss).toBe(1);
      expect(first.loss).toBe(3);
      // rewards 0.5 (−1 + 1) and 0.5 (−6.5 + 6)
      const margin = 0.25;
      expect(preference.pairs).toEqual([
        {
          logpChosen: -1,
          logpRejected: -6.5,
          rewardChosen: 0,
          rewardRejected: -0.25,
          margin,
          loss: expect.closeTo(Math.log1p(Math.exp(-margin)), 12),
        },
      ]);
      expect(preference.loss).toBeCloseTo(3 * Math.log1p(Math.exp(-margin)), 12);
      expect(taken).toBe(1);
      expect(pair().loss).toBe(preference.loss);
      expect(taken).toBe(2);
    });
  });

  it("that nobody reads stay where they are, and others are none the worse", () => {
    scope(() => {
      for (let i = 0; i < 3; i++) pair();
      expect(sftNll(logp(), floats(0, 1, 0, 0)).loss).toBe(2);
      expect(taken).toBe(1);
    });
  });
});
