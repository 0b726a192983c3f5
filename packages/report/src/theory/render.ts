/** From `theory.json` to one HTML page and, for each figure, its SVG, its PNG and its numbers as CSV. */
import { join } from "node:path";
import { toCsv } from "../csv.js";
import { svgToPng } from "../export/png.js";
import { replaceFile } from "../replace-file.js";
import type { TheoryFigure } from "./figure.js";
import { frontFigure } from "./front.js";
import { gapFigure } from "./gap-curves.js";
import { theoryPage } from "./page.js";
import { pathsFigure } from "./paths.js";
import { readTheory } from "./read.js";
import { panelsSvg } from "./standalone.js";

/**
 * @param file a theory.json; @param out the directory to write into, made where it is missing
 * @returns the files written, the page first
 * @throws Error, one line: the file is none of `outright theory`, or the directory cannot be written
 */
export async function renderTheory(file: string, out: string): Promise<string[]> {
  const theory = await readTheory(file);
  const figures = [pathsFigure(theory), frontFigure(theory), gapFigure(theory)];
  const page = join(out, "theory.html");
  await replaceFile(page, theoryPage(theory, figures));
  const written = await Promise.all(figures.map((figure) => writeFigure(figure, out)));
  return [page, ...written.flat()];
}

async function writeFigure({ id, panels, columns, csv }: TheoryFigure, out: string): Promise<string[]> {
  const [svg, png, numbers] = [join(out, `${id}.svg`), join(out, `${id}.png`), join(out, `${id}.csv`)];
  const picture = panelsSvg(panels, columns);
  await replaceFile(svg, picture);
  await replaceFile(png, await svgToPng(picture));
  await replaceFile(numbers, toCsv(csv.header, csv.rows));
  return [svg, png, numbers];
}
