/** `outright score` */
import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { openAdapterDirectory } from "@outright/checkpoint";
import { type ScoreOptions, type ScoreSummary, scoreFile } from "@outright/eval";
import { type PreferenceLoss, usesReference } from "@outright/objectives";
import { formatLoss, formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";
import { noteOtherBase } from "./adapter-base.js";

export type ScoreFlags = Omit<ScoreOptions, "onProgress" | "tokensPerMicroBatch"> & {
  tokensPerMicroBatch?: number;
  dtype: "float32" | "bfloat16";
  json?: boolean;
};

export async function scoreCommand(flags: ScoreFlags, output: Output): Promise<void> {
  const { json, ...options } = flags;
  const folder = dirname(resolve(options.out));
  // before the work, not after it
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Error(`--out: there is no directory ${folder}`);
  }
  if (statSync(options.out, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new Error(`--out: ${options.out} is a directory; name a file`);
  }
  if (options.adapter !== undefined)
    noteOtherBase(openAdapterDirectory(options.adapter), options.model, output);
  const line = new LiveLine(output);
  const summary = await scoreFile({
    ...options,
    onProgress: (done, total) => {
      if (json !== true) line.show(`scored ${formatWhole(done)}/${formatWhole(total)} sequences`);
    },
  });
  line.clear();
  output.out(json === true ? `${JSON.stringify(summary)}\n` : describe(summary, options.out));
}

function describe(summary: ScoreSummary, out: string): string {
  const lines = [
    `${formatWhole(summary.scored)} of ${formatWhole(summary.rows)} rows, ${formatWhole(summary.lossTokens)} loss tokens`,
  ];
  for (const what of ["dropped", "cut"] as const) {
    for (const [reason, rows] of Object.entries(summary[what]))
      lines.push(`${what} ${formatWhole(rows)}: ${reason}`);
  }
  const { loss, exampleMeanLoss, chosen, rejected, settings, margin, preferenceLoss, nll, accuracy } =
    summary;
  if (loss !== undefined)
    lines.push(`loss ${formatLoss(loss)} nats a token, ${formatLoss(exampleMeanLoss)} as a mean over rows`);
  if (chosen !== undefined)
    lines.push(
      `mean log-prob of chosen answers ${formatLoss(chosen)}, of rejected ones ${formatLoss(rejected)}`,
    );
  if (settings !== undefined) {
    const against = usesReference(settings.loss) ? "against the reference" : "without a reference";
    const term = nll === undefined ? "" : ` (NLL of a chosen token ${formatLoss(nll)})`;
    lines.push(
      `${against}, ${describeLoss(settings)}: margin ${formatLoss(margin)}, loss ${formatLoss(preferenceLoss)}${term}, accuracy ${formatLoss(accuracy)}`,
    );
  }
  return `${lines.join("\n")}\nwrote ${out}\n`;
}

/** "ipo with beta 0.1, nll 0, lengthNormalised true" */
function describeLoss({ loss, ...settings }: PreferenceLoss): string {
  const list = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return `${loss} with ${list.join(", ")}`;
}
