/** Losses, gradients and Hessians against their definitions and against finite differences. */
import {
  counterUniform,
  dpoObjective,
  drawInstance,
  eigenvalues,
  exampleInstance,
  flatDpo,
  flatLoss,
  flatSft,
  type Instance,
  mixed,
  type Objective,
  type Point,
  plus,
  sftObjective,
  softmax,
} from "@outright/theory";
import { describe, expect, it } from "vitest";

const INSTANCES: Instance[] = [
  exampleInstance(0.5),
  ...Array.from({ length: 20 }, (_, seed) => drawInstance(seed, 0.35)),
];
const uniform = counterUniform(3, "test/losses");
const place = (i: number): Point => [6 * uniform(2 * i) - 3, 6 * uniform(2 * i + 1) - 3];
const objectives = (instance: Instance): Objective[] => {
  const [sft, dpo] = [sftObjective(instance), dpoObjective(instance)];
  return [sft, dpo, mixed(sft, dpo, instance.lambda)];
};

describe("both losses", () => {
  it("are the means of their definitions over the rows", () => {
    for (const [i, instance] of INSTANCES.entries()) {
      const theta = place(i);
      const { features, labels, pairs, beta, reference } = instance;
      const logProb = (at: Point, x: number, y: number): number =>
        Math.log(softmax(at, features[x]!).probabilities[y]!);
      let [sft, dpo] = [0, 0];
      for (const [x, row] of labels.entries()) {
        for (const [y, share] of row.entries()) sft -= share * logProb(theta, x, y);
      }
      for (const { prompt: x, chosen, rejected, weight } of pairs) {
        const ratio = (y: number): number => logProb(theta, x, y) - logProb(reference, x, y);
        dpo -= weight * Math.log(1 / (1 + Math.exp(-beta * (ratio(chosen) - ratio(rejected)))));
      }
      expect(sftObjective(instance).loss(theta)).toBeCloseTo(sft, 12);
      expect(dpoObjective(instance).loss(theta)).toBeCloseTo(dpo, 12);
    }
  });

  it("begin at ln 2 for DPO: the policy is its own reference", () => {
    for (const instance of INSTANCES) {
      expect(dpoObjective(instance).loss(instance.reference)).toBeCloseTo(Math.LN2, 14);
    }
  });

  it("stay finite far out", () => {
    for (const f of objectives(INSTANCES[1]!)) {
      expect(f.loss([1e5, -1e5])).toBeLessThan(1e7);
      expect(f.gradient([1e5, -1e5]).every(Number.isFinite)).toBe(true);
    }
  });

  it("have the gradient and the Hessian that finite differences show", () => {
    const h = 1e-5;
    for (const [i, instance] of INSTANCES.entries()) {
      const theta = place(100 + i);
      for (const f of objectives(instance)) {
        const slope = (of: (at: Point) => number, e: Point): number =>
          (of(plus(theta, e, h)) - of(plus(theta, e, -h))) / (2 * h);
        const { xx, xy, yy } = f.hessian(theta);
        const [gx, gy] = f.gradient(theta);
        expect(gx).toBeCloseTo(slope(f.loss, [1, 0]), 8);
        expect(gy).toBeCloseTo(slope(f.loss, [0, 1]), 8);
        const column = (e: Point, k: 0 | 1): number => slope((at) => f.gradient(at)[k], e);
        expect(xx).toBeCloseTo(column([1, 0], 0), 8);
        expect(xy).toBeCloseTo(column([1, 0], 1), 8);
        expect(xy).toBeCloseTo(column([0, 1], 0), 8);
        expect(yy).toBeCloseTo(column([0, 1], 1), 8);
      }
    }
  });

  it("curve no more than `smoothness`, and their curvature changes no faster than `variation` says", () => {
    for (const [i, instance] of INSTANCES.entries()) {
      for (const f of objectives(instance)) {
        for (let j = 0; j < 30; j++) {
          const [a, step] = [place(1000 + 30 * i + j), place(5000 + 30 * i + j)];
          const [low, high] = eigenvalues(f.hessian(a));
          expect(low).toBeGreaterThanOrEqual(-1e-15);
          expect(high).toBeLessThanOrEqual(f.smoothness * (1 + 1e-12));
          const b = plus(a, step);
          const bound = Math.exp(-f.variation * Math.hypot(...step));
          // H(b) - bound H(a) has no negative eigenvalue
          const [from, to] = [f.hessian(a), f.hessian(b)];
          const rest = {
            xx: to.xx - bound * from.xx,
            xy: to.xy - bound * from.xy,
            yy: to.yy - bound * from.yy,
          };
          expect(eigenvalues(rest)[0]).toBeGreaterThanOrEqual(-1e-12);
        }
      }
    }
  });

  it("have a flat form with the same values", () => {
    for (const [i, instance] of INSTANCES.entries()) {
      const [x, y] = place(200 + i);
      expect(flatLoss(flatSft(instance), x, y)).toBeCloseTo(sftObjective(instance).loss([x, y]), 11);
      expect(flatLoss(flatDpo(instance), x, y)).toBeCloseTo(dpoObjective(instance).loss([x, y]), 11);
    }
  });

  it("refuse a ball so large that the flat form would overflow", () => {
    expect(() => flatSft({ ...INSTANCES[0]!, radius: 1e4 })).toThrow("radius 10000 is too large");
  });
});
