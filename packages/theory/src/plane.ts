/** Vectors and symmetric matrices of the plane that the parameters live in. */

export type Point = readonly [number, number];

/** The symmetric matrix ((xx, xy), (xy, yy)). */
export interface Symmetric {
  xx: number;
  xy: number;
  yy: number;
}

export const ZERO: Symmetric = { xx: 0, xy: 0, yy: 0 };

export const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1];
export const norm = (a: Point): number => Math.hypot(a[0], a[1]);
export const minus = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1]];
export const distance = (a: Point, b: Point): number => norm(minus(a, b));

/** a + scale b */
export const plus = (a: Point, b: Point, scale = 1): Point => [a[0] + scale * b[0], a[1] + scale * b[1]];

/** A + scale b b^T */
export function plusOuter(a: Symmetric, b: Point, scale: number): Symmetric {
  return { xx: a.xx + scale * b[0] * b[0], xy: a.xy + scale * b[0] * b[1], yy: a.yy + scale * b[1] * b[1] };
}

/** A + scale B */
export function plusMatrix(a: Symmetric, b: Symmetric, scale: number): Symmetric {
  return { xx: a.xx + scale * b.xx, xy: a.xy + scale * b.xy, yy: a.yy + scale * b.yy };
}

/** The smaller and the larger eigenvalue. */
export function eigenvalues({ xx, xy, yy }: Symmetric): [number, number] {
  const middle = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  return [middle - spread, middle + spread];
}

/** A^-1 b; infinite or NaN where A is singular. */
export function solve({ xx, xy, yy }: Symmetric, b: Point): Point {
  const determinant = xx * yy - xy * xy;
  return [(yy * b[0] - xy * b[1]) / determinant, (xx * b[1] - xy * b[0]) / determinant];
}

/** The nearest point of the ball of this radius around 0. */
export function project(a: Point, radius: number): Point {
  const length = norm(a);
  return length <= radius ? a : [(a[0] / length) * radius, (a[1] / length) * radius];
}
