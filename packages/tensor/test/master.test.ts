import { expect, it } from "vitest";
import { adamW, Device, keep, Parameter, scope, Tensor } from "../src/index.js";

const settings = {
  lr: 1e-5,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weightDecay: 0,
  step: 1,
  gradScale: 1,
  seed: 0,
};

function withDevice(body: (device: Device) => void): void {
  const device = Device.open({ backend: "cpu" });
  try {
    scope(() => body(device));
  } finally {
    device.close();
  }
}

/** What is kept of a number: half-way between two weights and rounded towards zero, it loses one in the last place. */
function kept(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return new Float32Array(bits.map((word) => ((word & 0x1ffff) === 0x8000 ? word - 1 : word)).buffer);
}

// more than the conversions take at a time
const VALUES = kept(Float32Array.from({ length: (1 << 20) + 5 }, (_, i) => Math.sin(i) * 2 ** (i % 9)));

/** Of long lists, which `toEqual` takes seconds for. */
const same = (a: Float32Array | Uint16Array, b: Float32Array | Uint16Array) =>
  expect(
    Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    ),
  );

it("a bfloat16 weight keeps float32 values in 4 bytes, to the bit", () => {
  withDevice((device) => {
    const before = device.memory().liveBytes;
    const weight = new Parameter(device, "w", [VALUES.length], { dtype: "bfloat16" });
    expect(device.memory().liveBytes - before).toBeLessThan(4 * VALUES.length + 256);
    weight.write(VALUES);
    same(weight.precise().toFloat32(), VALUES).toBe(true);
    let at = 0;
    for (const part of weight.precise().inParts()) {
      same(part, VALUES.subarray(at, at + part.length)).toBe(true);
      at += part.length;
    }
    expect(at).toBe(VALUES.length);
    const rounded = keep(new Tensor(device, "bfloat16", [VALUES.length]));
    rounded.write(VALUES);
    same(weight.toUint16(), rounded.toUint16()).toBe(true);
    weight.dispose();
    rounded.dispose();
    expect(device.memory().liveBytes).toBe(before);
  });
});

it("a number half-way between two weights loses one unit in its last place where it is rounded down", () => {
  withDevice((device) => {
    const weight = new Parameter(device, "w", [4], { dtype: "bfloat16" });
    const halfWay = Float32Array.of(226.5, 227.5, -226.5, -227.5);
    weight.write(halfWay);
    expect(weight.precise().toFloat32()).toEqual(kept(halfWay));
    expect([...weight.toFloat32()]).toEqual([226, 228, -226, -228]);
    weight.write(weight.precise().toFloat32());
    expect(weight.precise().toFloat32()).toEqual(kept(halfWay));
  });
});

it("parts of a weight are set without touching the others", () => {
  withDevice((device) => {
    const weight = new Parameter(device, "w", [5], { dtype: "bfloat16" });
    weight.write(VALUES.subarray(0, 5));
    weight.write(Float32Array.of(1 / 3), 2);
    expect([...weight.precise().toFloat32(1, 3)]).toEqual([VALUES[1], Math.fround(1 / 3), VALUES[3]]);
  });
});

it("bits of bfloat16 become values that are exactly those", () => {
  withDevice((device) => {
    const weight = new Parameter(device, "w", [3], { dtype: "bfloat16" });
    weight.write(VALUES.subarray(0, 3));
    weight.write(Uint16Array.of(0x3f80, 0xc040), 1);
    expect([...weight.precise().toFloat32()]).toEqual([VALUES[0], 1, -3]);
  });
});

it("updates too small for bfloat16 add up as they do in float32", () => {
  withDevice((device) => {
    const narrow = new Parameter(device, "narrow", [1000], { dtype: "bfloat16" });
    const wide = new Parameter(device, "wide", [1000]);
    const parameters = [narrow, wide];
    for (const parameter of parameters) parameter.write(VALUES.subarray(1, 1001));
    const list = () => parameters.map(() => keep(Tensor.zeros(device, [1000])));
    const [m, v] = [list(), list()];
    const bits = narrow.toUint16();
    for (let step = 1; step <= 20; step++) {
      for (const parameter of parameters) parameter.gradient().fill(0.5);
      const gradients = parameters.map((parameter) => parameter.gradient());
      const masters = parameters.map(({ master }) => master);
      adamW({ parameters, masters, gradients, m, v }, { ...settings, step });
    }
    const precise = narrow.precise().toFloat32();
    const apart = wide.toFloat32().filter((value, i) => value !== precise[i]);
    expect(apart.length).toBeLessThanOrEqual(1);
    expect(precise).not.toEqual(VALUES.subarray(1, 1001));
    const unmoved = narrow.toUint16().filter((value, i) => value === bits[i]);
    expect(unmoved.length).toBeGreaterThan(900);
  });
});
