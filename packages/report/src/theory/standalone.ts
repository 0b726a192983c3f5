/** A figure as an SVG file that stands on its own: panels side by side, colours instead of the page's variables. */
import { LIGHT } from "../look.js";
import type { Panel } from "./figure.js";

/** Pixels between panels and around them. */
const GAP = 16;

/** What the page's style sheet gives to charts on light paper. */
const COLORS: Record<string, string> = {
  ...{ paper: "#ffffff", ink: "#1b1f24", muted: "#5c6570", faint: "#d9dee4", band: "#c9cfd6" },
  ...Object.fromEntries(LIGHT.map((color, i) => [`run${i}`, color])),
};

export function panelsSvg(panels: Panel[], columns: number): string {
  const width = Math.max(...panels.map((panel) => panel.width));
  const height = Math.max(...panels.map((panel) => panel.height));
  const size = (count: number, each: number): number => count * each + (count + 1) * GAP;
  const whole = [size(columns, width), size(Math.ceil(panels.length / columns), height)];
  const placed = panels.map(({ svg }, i) => {
    const [x, y] = [size(i % columns, width), size(Math.floor(i / columns), height)];
    return svg.replace("<svg ", `<svg x="${x}" y="${y}" `);
  });
  const inner = placed
    .join("\n")
    .replace(/var\(--([\w-]+)\)/g, (_, name: string) => COLORS[name] ?? COLORS.ink!)
    .replaceAll("currentColor", COLORS.ink!);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${whole[0]}" height="${whole[1]}" viewBox="0 0 ${whole.join(" ")}">\n` +
    `<style>text{white-space:pre}[aria-label$="grid"]{stroke:${COLORS.faint};stroke-opacity:1}.chart{font-size:11px}</style>\n` +
    `<rect width="100%" height="100%" fill="${COLORS.paper}"/>\n${inner}\n</svg>\n`
  );
}
