/** How much of the plane a front dominates (Zitzler and Thiele 1998), for two losses that are both to be small. */

/**
 * Area between the points and the reference point (1, 1). Points that do not dominate the reference add nothing; a point below 0
 * counts with all its area, so a front that beats both optima has more than 1.
 */
export function hypervolume(points: readonly (readonly [x: number, y: number])[]): number {
  const sorted = points.filter(([x, y]) => x < 1 && y < 1).sort(([a], [b]) => a - b);
  let area = 0;
  let lowest = 1;
  for (const [x, y] of sorted) {
    if (y >= lowest) continue; // dominated by a point further left
    area += (1 - x) * (lowest - y);
    lowest = y;
  }
  return area;
}
