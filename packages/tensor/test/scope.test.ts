import { Device, keep, scope, Tensor } from "@outright/tensor";
import { afterAll, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());
const live = () => device.memory().liveBuffers;

describe("scope", () => {
  it("frees what it made, except what it returns", () => {
    const before = live();
    const { result } = scope(() => {
      Tensor.zeros(device, [3]);
      return { result: Tensor.from(device, Float32Array.of(1, 2)) };
    });
    expect(live()).toBe(before + 1);
    expect([...result.toFloat32()]).toEqual([1, 2]);
    result.dispose();
    expect(live()).toBe(before);
  });

  it("hands results to the enclosing scope", () => {
    const before = live();
    scope(() => {
      const inner = scope(() => [Tensor.zeros(device, [1]), Tensor.zeros(device, [2])]);
      expect(inner.map((tensor) => tensor.disposed)).toEqual([false, false]);
    });
    expect(live()).toBe(before);
  });

  it("frees everything when it fails", () => {
    const before = live();
    expect(() =>
      scope(() => {
        Tensor.zeros(device, [4]);
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(live()).toBe(before);
  });

  it("leaves kept tensors alone", () => {
    const before = live();
    const tensor = scope(() => {
      const kept = keep(Tensor.zeros(device, [1]));
      return () => kept;
    })();
    expect(tensor.disposed).toBe(false);
    tensor.dispose();
    expect(live()).toBe(before);
  });
});

describe("Tensor", () => {
  it("refuses a shape that does not fit the data", () => {
    expect(() => Tensor.from(device, new Float32Array(5), [2, 3])).toThrow("needs 6 values, 5 were given");
  });

  it("cannot be used after it was disposed", () => {
    const tensor = Tensor.zeros(device, [2]);
    tensor.dispose();
    tensor.dispose();
    expect(() => tensor.toFloat32()).toThrow("this tensor was disposed");
  });

  it("of no elements works", () => {
    const tensor = Tensor.zeros(device, [0, 7]);
    expect(tensor.toFloat32()).toEqual(new Float32Array(0));
    tensor.dispose();
  });
});
