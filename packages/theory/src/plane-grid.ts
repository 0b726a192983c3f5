/** Both gaps on a grid over the part of the plane that is drawn: what contours are made from. */
import type { Point } from "./plane.js";
import { gaps, type Problem } from "./problem.js";
import type { Place, TheoryResult } from "./result.js";

/** Width by height, and the air on each side as a share of the height. */
const ASPECT = 1.15;
const AIR = 0.1;
/** Points along the width. */
const COLUMNS = 121;

export function drawnGrid(problem: Problem, shown: readonly Place[]): TheoryResult["grid"] {
  const [x, y] = framed(shown);
  const rows = Math.round(COLUMNS / ASPECT);
  const [sft, dpo]: [number[], number[]] = [[], []];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const theta: Point = [between(x, column / (COLUMNS - 1)), between(y, row / (rows - 1))];
      const gap = gaps(problem, theta);
      sft.push(Number(gap.sft.toPrecision(6)));
      dpo.push(Number(gap.dpo.toPrecision(6)));
    }
  }
  return { x, y, columns: COLUMNS, rows, sft, dpo };
}

function framed(shown: readonly Place[]): [[number, number], [number, number]] {
  const [x, y] = [extent(shown.map((place) => place.x)), extent(shown.map((place) => place.y))];
  const height = (1 + 2 * AIR) * Math.max(y[1] - y[0], (x[1] - x[0]) / ASPECT);
  return [around(x, ASPECT * height), around(y, height)];
}

const between = ([low, high]: [number, number], share: number): number => low + share * (high - low);
const extent = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)];
const around = ([low, high]: [number, number], length: number): [number, number] => [
  (low + high - length) / 2,
  (low + high + length) / 2,
];
