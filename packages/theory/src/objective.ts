/** What descent, Newton's method and the bounds know of a loss. */
import type { Point, Symmetric } from "./plane.js";

/** A convex, smooth function of theta, in nats. */
export interface Objective {
  loss(theta: Point): number;
  gradient(theta: Point): Point;
  hessian(theta: Point): Symmetric;
  /** L: no eigenvalue of any Hessian is larger. */
  readonly smoothness: number;
  /** rho with |D^3 f[u, u, v]| <= rho |v| D^2 f[u, u]: how fast curvature can change along a path (Bach 2010, section 2). */
  readonly variation: number;
}

/** Weighted sum of objectives; the weights are not negative. */
export function weightedSum(terms: readonly (readonly [weight: number, of: Objective])[]): Objective {
  return {
    loss: (theta) => terms.reduce((sum, [weight, of]) => sum + weight * of.loss(theta), 0),
    gradient(theta) {
      let [x, y] = [0, 0];
      for (const [weight, of] of terms) {
        const [gx, gy] = of.gradient(theta);
        x += weight * gx;
        y += weight * gy;
      }
      return [x, y];
    },
    hessian(theta) {
      let [xx, xy, yy] = [0, 0, 0];
      for (const [weight, of] of terms) {
        const h = of.hessian(theta);
        xx += weight * h.xx;
        xy += weight * h.xy;
        yy += weight * h.yy;
      }
      return { xx, xy, yy };
    },
    smoothness: terms.reduce((sum, [weight, of]) => sum + weight * of.smoothness, 0),
    variation: Math.max(...terms.map(([, of]) => of.variation)),
  };
}
