/** An SVG of a page as a file that stands by itself. */
import { hatchDefinitions } from "../hatch.js";
import { LIGHT_THEME, resolveColors, type Theme } from "../theme.js";

/** Room around the picture, in pixels: names may stand a little outside their chart. */
const MARGIN = 12;

/**
 * Everything that the page gave it is put into the file: `xmlns`, a ground, colours instead of CSS variables, and the patterns
 * that bars are filled with.
 *
 * @param svg one `<svg>` element with `width` and `height` in pixels, as `chart` and `pictureSvg` write it
 * @param theme colours; by default those of a light page
 * @throws Error where `svg` has no size
 */
export function standaloneSvg(svg: string, theme: Theme = LIGHT_THEME): string {
  const end = svg.indexOf(">");
  const root = svg.slice(0, end);
  const size = (name: string): number => Number(new RegExp(` ${name}="([\\d.]+)"`).exec(root)?.[1]);
  const [width, height] = [size("width") + 2 * MARGIN, size("height") + 2 * MARGIN];
  if (!root.startsWith("<svg") || !(width > 0 && height > 0))
    throw new Error("standaloneSvg: not an SVG element with a width and a height");
  const attributes = root
    .slice("<svg".length)
    .replace(/ (xmlns|width|height|viewBox|class|color)="[^"]*"/g, "")
    .replace(/ font-family="[^"]*"/, "");
  const definitions = hatchDefinitions(svg);
  return resolveColors(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${-MARGIN} ${-MARGIN} ${width} ${height}" ` +
      `color="var(--ink)" font-family="Inter, system-ui, sans-serif"${attributes}>` +
      (definitions === "" ? "" : `<defs>${definitions}</defs>`) +
      `<rect x="${-MARGIN}" y="${-MARGIN}" width="${width}" height="${height}" fill="var(--paper)"/>` +
      `${svg.slice(end + 1)}\n`.replaceAll(' font-family="system-ui, sans-serif"', ""),
    { ...theme, "plot-background": theme["paper"]! },
  );
}
