/** Every figure of a page as files: `ID.svg`, `ID.png` and the numbers behind it, `ID.csv`. */
import { join } from "node:path";
import { toCsv } from "../csv.js";
import type { Figure } from "../figures/figure.js";
import { pictureSvg } from "../picture.js";
import { replaceFile } from "../replace-file.js";
import { svgToPng } from "./png.js";
import { standaloneSvg } from "./svg-file.js";

export interface Written {
  /** paths, in the order of the figures */
  files: string[];
  /** what could not be made, one line each */
  notes: string[];
}

/**
 * Figures without a picture (tables) are written as CSV alone, those with nothing to draw not at all. A platform without the
 * library that draws PNGs gets the rest.
 * @throws Error, one line, naming the file that cannot be written
 */
export async function writeFigures(figures: Figure[], dir: string): Promise<Written> {
  const out: Written = { files: [], notes: [] };
  const write = async (name: string, content: string | Uint8Array): Promise<void> => {
    const path = join(dir, name);
    await replaceFile(path, content);
    out.files.push(path);
  };
  for (const { id, title, caption, picture, missing, csv } of figures) {
    if (missing === undefined && picture !== undefined) {
      const svg = standaloneSvg(pictureSvg(picture, title, caption));
      await write(`${id}.svg`, svg);
      const png = out.notes.length > 0 ? undefined : await svgToPng(svg).catch((e: Error) => e.message);
      if (typeof png === "string") out.notes.push(png);
      else if (png !== undefined) await write(`${id}.png`, png);
    }
    if (csv.rows.length > 0) await write(`${id}.csv`, toCsv(csv.header, csv.rows));
  }
  return out;
}
