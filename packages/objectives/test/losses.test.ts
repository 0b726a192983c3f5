import { dpoLoss, dpoOracle, type SftNormalisation, sftLoss, sftOracle } from "@outright/objectives";
import { Device, scope, Tensor } from "@outright/tensor";
import { afterAll, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());

const logp = Float32Array.from({ length: 11 }, (_, n) => -0.1 - ((n * 7919) % 13) / 3);
const offsets = Int32Array.of(0, 4, 5, 9, 11);
const reference = Float64Array.of(-7.5, -1.25, -9, -3.125);

const close = (given: ArrayLike<number>, wanted: ArrayLike<number>) => {
  expect(given.length).toBe(wanted.length);
  for (let n = 0; n < wanted.length; n++) expect(given[n]).toBeCloseTo(wanted[n] ?? Number.NaN, 6);
};

describe("SFT loss", () => {
  const cases: SftNormalisation[] = [
    { kind: "token-mean", tokens: 20 },
    { kind: "example-mean", examples: 6 },
  ];
  for (const normalisation of cases) {
    it(`equals the float64 oracle (${normalisation.kind})`, () => {
      scope(() => {
        const { loss, g } = sftLoss(Tensor.from(device, logp), offsets, normalisation, 0.7);
        const oracle = sftOracle(logp, offsets, normalisation, 0.7);
        expect(loss).toBeCloseTo(oracle.loss, 6);
        close(g.toFloat32(), oracle.g);
      });
    });
  }

  it("counts every token alike under token-mean, every example alike under example-mean", () => {
    const byToken = sftOracle(logp, offsets, { kind: "token-mean", tokens: 11 }).g;
    expect(new Set(Array.from(byToken, (w) => w.toPrecision(6))).size).toBe(1);
    const byExample = sftOracle(logp, offsets, { kind: "example-mean", examples: 4 }).g;
    const share = (s: number) => byExample.subarray(offsets[s], offsets[s + 1]).reduce((a, b) => a + b, 0);
    for (let s = 0; s < 4; s++) expect(share(s)).toBeCloseTo(-1 / 4, 6);
  });
});

describe("DPO loss", () => {
  it("equals the float64 oracle", () => {
    scope(() => {
      const settings = { beta: 0.3, pairs: 5, weight: 0.4 };
      const { loss, g, pairs } = dpoLoss(Tensor.from(device, logp), offsets, reference, settings);
      const oracle = dpoOracle(logp, offsets, reference, settings);
      expect(loss).toBeCloseTo(oracle.loss, 10);
      close(g.toFloat32(), oracle.g);
      close(
        pairs.map((pair) => pair.margin),
        oracle.margins,
      );
    });
  });

  it("has margin exactly 0 and loss exactly ln 2 where policy and reference agree", () => {
    scope(() => {
      const same = Float64Array.from({ length: 4 }, (_, s) =>
        logp.subarray(offsets[s], offsets[s + 1]).reduce((sum, value) => sum + value, 0),
      );
      const { pairs } = dpoLoss(Tensor.from(device, logp), offsets, same, { beta: 0.1, pairs: 2 });
      for (const pair of pairs) {
        expect(pair.margin).toBe(0);
        expect(Math.fround(pair.loss)).toBe(Math.fround(Math.LN2));
      }
    });
  });

  it("flips the margin when chosen and rejected are swapped", () => {
    const forward = dpoOracle(logp.subarray(0, 5), Int32Array.of(0, 4, 5), [-7.5, -1.25], {
      beta: 0.1,
      pairs: 1,
    });
    const swapped = Float32Array.of(logp[4] ?? 0, ...logp.subarray(0, 4));
    const backward = dpoOracle(swapped, Int32Array.of(0, 1, 5), [-1.25, -7.5], { beta: 0.1, pairs: 1 });
    expect(backward.margins[0]).toBeCloseTo(-(forward.margins[0] ?? Number.NaN), 12);
  });

  it("has the gradient of its own loss (central differences of the oracle)", () => {
    const settings = { beta: 0.3, pairs: 2 };
    const { g } = dpoOracle(logp, offsets, reference, settings);
    for (let n = 0; n < logp.length; n++) {
      const at = (delta: number) =>
        dpoOracle(
          Float64Array.from(logp, (value, i) => value + (i === n ? delta : 0)),
          offsets,
          reference,
          settings,
        ).loss;
      expect((at(1e-5) - at(-1e-5)) / 2e-5).toBeCloseTo(g[n] ?? Number.NaN, 8);
    }
  });
});
