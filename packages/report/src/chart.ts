/** One Observable Plot chart as SVG text, drawn without a browser. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { CONTROLS, escape } from "./escape.js";

/** Stands for the label until the SVG is text: in an attribute, linkedom leaves "<" as it is, which is no XML. */
const LABEL = "label-of-the-chart";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

export interface Scales {
  x(value: number): number;
  y(value: number): number;
  /** from pixels back to data */
  fromX(pixel: number): number;
  fromY(pixel: number): number;
}

type Options = Plot.PlotOptions;
type Drawn = ReturnType<typeof document.createElement>;

/** Pixel positions of a chart with these options; needed to place names before they are drawn. */
export function scales(options: Options): Scales {
  const plot = Plot.plot({ ...options, document } as Options);
  const [x, y] = [plot.scale("x")!, plot.scale("y")!];
  return {
    x: (value) => Number(x.apply(value)),
    y: (value) => Number(y.apply(value)),
    fromX: (pixel) => Number(x.invert!(pixel)),
    fromY: (pixel) => Number(y.invert!(pixel)),
  };
}

/**
 * @param label what the picture shows, for people who cannot see it; empty for mere decoration
 */
export function chart(label: string, options: Options): string {
  const svg = Plot.plot({ className: "chart", ...options, document } as Options) as unknown as Drawn;
  for (const style of svg.querySelectorAll("style")) style.remove();
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("font-size", "11");
  for (const grid of svg.querySelectorAll('[aria-label$="grid"]')) {
    grid.setAttribute("stroke", "var(--faint)");
    grid.setAttribute("stroke-opacity", "1");
  }
  if (label === "") svg.setAttribute("aria-hidden", "true");
  else {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", LABEL);
  }
  return shorten(svg.outerHTML)
    .replace(LABEL, () => escape(label))
    .replace(CONTROLS, "")
    .replaceAll("&nbsp;", "\u00a0");
}

/** A hundredth of a pixel is enough: coordinates lose their further digits. */
function shorten(svg: string): string {
  return svg.replace(
    / (d|transform|x|y|x1|x2|y1|y2|cx|cy|r|width|height)="([^"]*)"/g,
    (_, name: string, value: string) => {
      return ` ${name}="${value.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (n) => String(Math.round(Number(n) * 100) / 100))}"`;
    },
  );
}
