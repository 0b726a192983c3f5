/** `outright eval mmlu` */
import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { openAdapterDirectory } from "@outright/checkpoint";
import {
  chooseSubjects,
  evaluateMmlu,
  type MmluEvaluation,
  type MmluProgress,
  openMmlu,
} from "@outright/eval";
import { UsageError } from "../errors.js";
import { formatCount, formatSeconds, formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import { mmluTable } from "../terminal/mmlu-table.js";
import type { Output } from "../terminal/output.js";
import { noteOtherBase } from "./adapter-base.js";
import { onStopSignals } from "./signals.js";

export interface MmluFlags {
  model: string;
  adapter?: string;
  data?: string;
  subjects?: string[];
  shots: number;
  limit?: number;
  out?: string;
  device: string;
  dtype: "float32" | "bfloat16";
  threads: number;
  json?: boolean;
}

/** @returns the exit code: 0, or 128 + the signal's number where it was stopped */
export async function mmluCommand(flags: MmluFlags, output: Output): Promise<number> {
  const { json, subjects: chosen, data, out, ...options } = flags;
  if (chosen?.length === 0) throw new UsageError("--subjects names no subject", "eval mmlu");
  const subjects = chosen === undefined ? undefined : chooseSubjects(chosen);
  if (out !== undefined) checkOut(out);
  if (flags.adapter !== undefined) noteOtherBase(openAdapterDirectory(flags.adapter), flags.model, output);
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = process.env;
  const source = openMmlu(data, { endpoint, token });
  const line = new LiveLine(output);
  const stop = new AbortController();
  const signals = onStopSignals(() => stop.abort());
  let begun: number | undefined;
  try {
    const result = await evaluateMmlu({
      ...{ ...options, source, subjects, out, stop: stop.signal },
      onProgress: (progress) => {
        if (progress.stage === "scoring") begun ??= performance.now();
        const seconds = (performance.now() - (begun ?? performance.now())) / 1000;
        if (json !== true) line.show(progressLine(progress, seconds));
      },
    });
    line.clear();
    if (result === null) {
      const where = out === undefined ? "nothing was kept" : `the same command goes on from ${out}`;
      output.err(`stopped; ${where}\n`);
      return signals.exitCode();
    }
    if (result.cut.rows > 0) line.warn(cutLine(result));
    if (json === true)
      output.out(`${JSON.stringify({ model: flags.model, data: source.place, ...result })}\n`);
    else output.out(`${mmluTable(result)}${endLine(result, out)}`);
    return 0;
  } finally {
    signals.dispose();
    line.clear();
  }
}

/** Before the work, not after it. */
function checkOut(out: string): void {
  const folder = dirname(resolve(out));
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new Error(`--out: there is no directory ${folder}`);
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new Error(`--out: ${out} is a directory; name a file`);
}

/** @param seconds since scoring began */
function progressLine(progress: MmluProgress, seconds: number): string {
  const { done, total } = progress;
  const count = `${formatWhole(done)}/${formatWhole(total)}`;
  if (progress.stage === "reading") return `reading subjects ${count}`;
  const parts = [`answered ${count}`];
  if (done > 0) parts.push(`accuracy ${(progress.correct / done).toFixed(4)}`);
  const now = done - progress.kept;
  if (now > 0) parts.push(`${formatCount(now / seconds)} rows/s`);
  if (now > 0 && done < total) parts.push(`${formatSeconds((seconds / now) * (total - done))} left`);
  return parts.join("  ");
}

function cutLine({ cut }: MmluEvaluation): string {
  return `${formatWhole(cut.rows)} prompts are longer than the model's ${formatWhole(cut.positions)} positions and lost their beginning, as in lm-evaluation-harness`;
}

function endLine({ shots, kept }: MmluEvaluation, out: string | undefined): string {
  const examples = `\n${shots}-shot, log-likelihood of the letters, as lm-evaluation-harness\n`;
  if (out === undefined) return examples;
  return `${examples}wrote ${out}${kept === 0 ? "" : `, which held ${formatWhole(kept)} of the rows already`}\n`;
}
