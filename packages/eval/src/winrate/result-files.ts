/** What is written about a finished judgement, in AlpacaEval's forms. */
import { join } from "node:path";
import { writeFileAtomic } from "@outright/checkpoint";
import type { ModelOutput } from "./outputs.js";
import type { JudgedPair, Tally } from "./tally.js";

/** An array of rows as AlpacaEval reads it. */
export function writeOutputs(path: string, rows: readonly ModelOutput[], generator: string): void {
  writeJson(
    path,
    rows.map((row) => ({ ...row, generator })),
  );
}

/**
 * annotations.json: as in AlpacaEval output_1 is the reference's and output_2 the model's, and preference goes from 1 (the
 * reference is better) to 2 (the model is); here it is 1 + score, and null where an order has no verdict. `verdicts` is ours.
 */
export function writeAnnotations(
  path: string,
  judged: readonly JudgedPair[],
  names: { model: string; reference: string; annotator: string },
): void {
  writeJson(
    path,
    judged.map(({ pair: { output, reference, ...instruction }, score, verdicts }) => ({
      ...instruction,
      output_1: reference,
      generator_1: names.reference,
      output_2: output,
      generator_2: names.model,
      annotator: names.annotator,
      preference: score === null ? null : 1 + score,
      verdicts,
    })),
  );
}

/** leaderboard.csv: the columns of AlpacaEval's leaderboards, rates in percent, one row. */
export function writeLeaderboard(path: string, model: string, tally: Tally): void {
  const percent = (share: number | undefined) => (share === undefined ? "" : 100 * share);
  const { lengthControlled: controlled } = tally;
  const row = {
    "": /[",\n]/.test(model) ? `"${model.replaceAll('"', '""')}"` : model,
    win_rate: percent(tally.winRate),
    standard_error: percent(tally.standardError),
    n_wins: tally.wins,
    n_wins_base: tally.losses,
    n_draws: tally.ties,
    n_total: tally.counted,
    discrete_win_rate: percent((tally.wins + tally.ties / 2) / tally.counted),
    mode: "community",
    avg_length: Math.round(tally.meanLength.model),
    length_controlled_winrate: percent(controlled?.winRate),
    lc_standard_error: percent(controlled?.standardError),
  };
  writeFileAtomic(path, `${Object.keys(row).join(",")}\n${Object.values(row).join(",")}\n`);
}

export function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Names of the files in the directory of results. */
export const WINRATE_FILES = {
  verdicts: "verdicts.jsonl",
  generated: "generated.jsonl",
  outputs: "outputs.json",
  annotations: "annotations.json",
  result: "winrate.json",
  leaderboard: "leaderboard.csv",
} as const;

export function winrateFile(out: string, name: keyof typeof WINRATE_FILES): string {
  return join(out, WINRATE_FILES[name]);
}
