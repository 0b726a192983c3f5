/** The world as the files that a run reads. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "./world.js";

/** Every text of the world, for the tokenizer. */
export function allTexts(world: World): string[] {
  const rows = [...world.sft.train, ...world.sft.heldOut].flatMap((row) => [row.prompt, ` ${row.response}`]);
  const pairs = [...world.dpo.train, ...world.dpo.heldOut].flatMap((row) => [
    row.prompt,
    ` ${row.chosen}`,
    ` ${row.rejected}`,
  ]);
  return [...world.base.map((row) => row.text), ...rows, ...pairs];
}

/** Writes the six JSONL files; the directory is made where it is missing. */
export async function writeWorld(directory: string, world: World): Promise<void> {
  await mkdir(directory, { recursive: true });
  const files: Record<string, object[]> = {
    "base.jsonl": world.base,
    "sft.train.jsonl": world.sft.train,
    "sft.heldout.jsonl": world.sft.heldOut,
    "dpo.train.jsonl": world.dpo.train,
    "dpo.heldout.jsonl": world.dpo.heldOut,
    "questions.jsonl": world.questions,
  };
  for (const [name, rows] of Object.entries(files)) {
    await writeFile(join(directory, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  }
}
