/** From `theory.json` to one HTML page and, for each figure, its SVG, its PNG and its numbers as CSV. */
import { join } from "node:path";
import { writeFigures } from "../export/files.js";
import { page } from "../page.js";
import { replaceFile } from "../replace-file.js";
import { frontFigure } from "./front.js";
import { gapFigure } from "./gap-curves.js";
import { pathsFigure } from "./paths.js";
import { readTheory, type Theory } from "./read.js";

/**
 * @param file a theory.json; @param out the directory to write into, made where it is missing
 * @returns the files written, the page first; what could not be drawn on this platform is left out
 * @throws Error, one line: the file is none of `outright theory`, or the directory cannot be written
 */
export async function renderTheory(file: string, out: string): Promise<string[]> {
  const theory = await readTheory(file);
  const figures = [pathsFigure(theory), frontFigure(theory), gapFigure(theory)];
  const path = join(out, "theory.html");
  const html = page({
    title: "Sequential, Mix, ALRIGHT and MAXRIGHT in two parameters",
    lead: [leadOf(theory)],
    key: [],
    keyLabel: "",
    warnings: [],
    figures,
    footer: "Made by Outright from theory.json.",
  });
  await replaceFile(path, html);
  const { files } = await writeFigures(figures, out);
  return [path, ...files];
}

function leadOf({ seed, instance }: Theory): string {
  const which = seed === null ? "the built-in example" : `random instance ${seed}`;
  return (
    `A log-linear softmax model with exact losses and gradients, ${which}, lambda ${instance.lambda}. ` +
    "It redraws Figure 2 of “Mitigating Forgetting in LLM Supervised Fine-Tuning and Preference Learning”."
  );
}
