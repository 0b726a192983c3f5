/** Newton's method with halved steps, for strictly convex functions of the plane. */
import type { Objective } from "./objective.js";
import { norm, type Point, plus, solve } from "./plane.js";

/** Norm of the gradient at which a point counts as the optimum. */
export const TOLERANCE = 1e-10;
const MOST_STEPS = 200;

/**
 * The minimiser of f. A step is halved until it lessens the norm of the gradient, which the Newton direction always does for
 * a short enough step; it goes on below TOLERANCE as long as rounding lets it.
 * @throws Error where there is none (or none that double precision finds).
 */
export function minimise(f: Objective, start: Point): Point {
  let theta = start;
  let gradient = f.gradient(theta);
  for (let step = 0; step < MOST_STEPS; step++) {
    const next = halved(f, theta, gradient);
    if (next === undefined) break;
    [theta, gradient] = [next, f.gradient(next)];
  }
  if (norm(gradient) <= TOLERANCE) return theta;
  throw new Error(
    `theory: Newton's method ended at (${theta.join(", ")}) with a gradient of norm ${norm(gradient)}; the loss has no finite minimum (is every preference contradicted by another, and does every answer have a label?)`,
  );
}

function halved(f: Objective, theta: Point, gradient: Point): Point | undefined {
  const direction = solve(f.hessian(theta), gradient);
  for (let size = 1; size > 1e-9; size /= 2) {
    const next = plus(theta, direction, -size);
    if (norm(f.gradient(next)) < (1 - size / 4) * norm(gradient)) return next;
  }
  return undefined;
}
