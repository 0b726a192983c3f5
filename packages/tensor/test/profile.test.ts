/** What a profile counts, on shapes small enough to count by hand. */
import {
  Device,
  fusedAttention,
  type Handle,
  linear,
  type NativeDevice,
  Parameter,
  Profile,
  Tape,
  Tensor,
} from "@outright/tensor";
import { afterAll, beforeEach, describe, expect, it } from "vitest";

const profile = new Profile();
const device = Device.open({ backend: "cpu" }, profile.wrap);
afterAll(() => device.close());
beforeEach(() => profile.reset());

const of = (operation: string) => {
  const { calls, flops, bytes } = profile.totals().find((totals) => totals.operation === operation) ?? {};
  return { calls, flops, bytes };
};
const filled = (...shape: number[]) => {
  const tensor = Tensor.float32(device, shape);
  tensor.fill(0.5);
  return tensor;
};

describe("a profile", () => {
  it("counts calls, multiplications with additions, and each argument's bytes once", () => {
    linear(filled(3, 4), filled(5, 4));
    linear(filled(3, 4), filled(5, 4), filled(5));
    // 2·3·5·4, and a bias for 3·5 outputs; x 12, w 20, y 15, then a bias of 5
    expect(of("linear")).toEqual({ calls: 2, flops: 120 + 120 + 15, bytes: 4 * (47 + 52) });
  });

  it("counts a gradient that is added to as read and written", () => {
    const w = new Parameter(device, "w", [5, 4]);
    w.fill(0.5);
    const tape = new Tape();
    const y = tape.record(() => linear(filled(3, 4), w));
    tape.backward(y, filled(3, 5));
    // dy 15, x 12, dw 20 twice
    expect(of("linearBackwardWeight")).toEqual({ calls: 1, flops: 120, bytes: 4 * (15 + 12 + 40) });
    w.dispose();
  });

  it("counts the keys that a token sees, without those it skips", () => {
    const ids = (...values: number[]) => Tensor.from(device, Int32Array.from(values));
    // two documents of 2 and 3 tokens; the last token skips the one before it: 1+2 and 1+2+2 pairs
    const spans = { start: ids(0, 0, 2, 2, 2), skipFrom: ids(0, 0, 0, 0, 3), skipTo: ids(0, 0, 0, 0, 4) };
    fusedAttention(filled(5, 2 * 3 * 4), spans, { queryHeads: 2, keyHeads: 2, headSize: 4, scale: 0.5 });
    expect(of("attention").flops).toBe(8 * 2 * (4 * 4 + 4));
  });

  it("counts three products in a trained head's backward, one less in a frozen one's or where logits were kept", () => {
    const { native } = device;
    const [h, w, logp, lse, g, dh, dw] = [12, 28, 3, 3, 3, 12, 28].map((count) => filled(count).handle) as [
      ...[Handle, Handle, Handle, Handle, Handle, Handle, Handle],
    ];
    const targets = Tensor.from(device, Int32Array.from([1, 2, 6])).handle;
    const kept = native.headCacheCount("float32", 3, 4, 7, 2 ** 20);
    expect(kept).toBeGreaterThanOrEqual(3 * 7);
    const products = (cache: Handle, trained: Handle) => {
      profile.reset();
      native.logprobHead(h, w, targets, logp, lse, cache, 3, 4, 7);
      expect(of("logprobHead").flops).toBe(2 * 3 * 4 * 7 + 3 * 3 * 7);
      native.logprobHeadBackward(h, w, targets, lse, logp, g, cache, dh, trained, 3, 4, 7, false);
      return ((of("logprobHeadBackward").flops ?? 0) - 3 * 3 * 7) / (2 * 3 * 4 * 7);
    };
    expect(products(0, dw)).toBe(3);
    expect(products(0, 0)).toBe(2);
    expect(products(native.alloc("float32", kept), dw)).toBe(2);
  });

  it("changes no result", () => {
    using plain = Device.open({ backend: "cpu" });
    const product = (on: Device) => {
      const x = Tensor.from(on, Float32Array.from([1, 2, 3, 4]), [2, 2]);
      return linear(x, x).toFloat32();
    };
    expect(product(device)).toEqual(product(plain));
    expect(of("linear").calls).toBe(1);
  });

  it("waits for a call of a device that only queues it, and of no other", () => {
    const done: string[] = [];
    const queueing = (native: NativeDevice, kind: string): NativeDevice =>
      new Proxy(native, {
        get: (target, name: keyof NativeDevice) => {
          if (name === "info") return () => ({ ...target.info(), kind });
          return (...args: never[]) => {
            done.push(name);
            return (target[name] as (...args: never[]) => unknown).apply(target, args);
          };
        },
      });
    for (const [kind, calls] of [
      ["cuda", ["fill", "read"]],
      ["cpu", ["fill"]],
    ] as const) {
      const profile = new Profile();
      using on = Device.open({ backend: "cpu" }, (native) => profile.wrap(queueing(native, kind)));
      const handle = on.native.alloc("float32", 4);
      done.length = 0;
      on.native.fill(handle, 1);
      expect(done, kind).toEqual(calls);
      expect(profile.totals().map(({ operation }) => operation)).not.toContain("read"); // it is not the caller's
    }
  });

  it("passes errors on", () => {
    expect(() => device.native.linear(99, 99, 0, 0, 99, 1, 1, 1)).toThrow("linear");
  });
});
