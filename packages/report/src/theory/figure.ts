/** A figure of one or several panels: in the page they flow, in a file they stand side by side. */
import type { Figure } from "../figures/figure.js";

export interface Panel {
  /** one chart, of this size in pixels */
  svg: string;
  width: number;
  height: number;
}

export interface TheoryFigure extends Figure {
  panels: Panel[];
  /** panels in a row of the file */
  columns: number;
}

export const panelGrid = (panels: Panel[]): string =>
  `<div class="grid">${panels.map(({ svg }) => svg).join("")}</div>`;
