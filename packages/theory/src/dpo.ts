/**
 * f_DPO(theta) = E[-log sigma(beta (theta - theta_ref) . (phi_w - phi_l))]: under the softmax form the denominators of chosen and
 * rejected answer cancel in the log ratios (Fernando et al., arXiv 2410.15483, equation of f_DPO).
 */
import { difference, type Instance } from "./instance.js";
import type { Objective } from "./objective.js";
import { dot, eigenvalues, minus, norm, type Point, plus, plusOuter, type Symmetric, ZERO } from "./plane.js";

export function dpoObjective(instance: Instance): Objective {
  const { beta, reference } = instance;
  const rows = instance.pairs.map((pair) => ({ d: difference(instance, pair), weight: pair.weight }));
  const margin = (theta: Point, d: Point): number => beta * dot(minus(theta, reference), d);
  const largest = rows.reduce<Symmetric>(
    (sum, { d, weight }) => plusOuter(sum, d, (weight * beta ** 2) / 4),
    ZERO,
  );
  return {
    loss: (theta) => rows.reduce((sum, { d, weight }) => sum + weight * softplus(-margin(theta, d)), 0),
    gradient: (theta) =>
      rows.reduce<Point>(
        (sum, { d, weight }) => plus(sum, d, -weight * beta * sigmoid(-margin(theta, d))),
        [0, 0],
      ),
    hessian: (theta) =>
      rows.reduce<Symmetric>((sum, { d, weight }) => {
        const m = margin(theta, d);
        return plusOuter(sum, d, weight * beta ** 2 * sigmoid(m) * sigmoid(-m));
      }, ZERO),
    smoothness: eigenvalues(largest)[1],
    variation: beta * Math.max(...rows.map(({ d }) => norm(d))),
  };
}

/** log(1 + e^z) */
export function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

export function sigmoid(z: number): number {
  const e = Math.exp(-Math.abs(z));
  return (z >= 0 ? 1 : e) / (1 + e);
}
