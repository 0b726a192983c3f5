/** What a whole run starts from, at a published shape: a model directory without weights, and rows of words of realistic lengths. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { counterRandom } from "@outright/data";
import type { RunConfigInput } from "@outright/trainer";
import { SHAPES, type ShapeName } from "./shapes.js";

/** The tokenizer with which any id of a shape can be read. */
const TOKENIZER = join(import.meta.dirname, "../../test/goldens/models/neox-nano");

/** config.json and a tokenizer; to be trained with `init: random`. */
export function writeBlankModel(shape: ShapeName, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    cpSync(join(TOKENIZER, file), join(folder, file));
  writeFileSync(join(folder, "config.json"), JSON.stringify(SHAPES[shape]));
}

/** sft.jsonl (prompt-response) and dpo.jsonl (pairs), 400 rows each, of 100 to 256 tokens with that tokenizer. */
export function writeRunRows(folder: string): void {
  const uniform = counterRandom(1, "plan");
  let drawn = 0;
  const text = (least: number, most: number) => {
    const words = Math.round(least + (most - least) * uniform(drawn++));
    return Array.from({ length: words }, () =>
      String.fromCharCode(97 + Math.floor(26 * uniform(drawn++))),
    ).join(" ");
  };
  const lines = (row: () => object) => Array.from({ length: 400 }, () => JSON.stringify(row())).join("\n");
  writeFileSync(
    join(folder, "sft.jsonl"),
    lines(() => ({ prompt: text(20, 60), response: text(80, 140) })),
  );
  writeFileSync(
    join(folder, "dpo.jsonl"),
    lines(() => ({ prompt: text(20, 60), chosen: text(30, 70), rejected: text(30, 70) })),
  );
}

/** The objectives of a run config over those rows. */
export const runObjectives = (
  folder: string,
  batch: { sft: number; dpo: number },
): RunConfigInput["objectives"] => ({
  sft: { kind: "sft", data: join(folder, "sft.jsonl"), format: "prompt-response", batch: batch.sft },
  dpo: { kind: "dpo", data: join(folder, "dpo.jsonl"), format: "pairs", batch: batch.dpo },
});
