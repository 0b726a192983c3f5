// Small runs of the command on two devices, and how far their numbers are apart.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const jsonLines = (path) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Log-probs that `outright score` gives the golden rows of a model. */
export function scoresOf(outright, { ROOT, folder, model, rows, format, device }) {
  const goldens = join(ROOT, "test/goldens");
  const out = join(folder, `${model}-${rows}-${device}.jsonl`);
  const { status, output } = outright([
    ...["score", "--model", join(goldens, "models", model), "--data", join(goldens, "rows", `${rows}.jsonl`)],
    ...["--format", format, "--template", "plain", "--device", device, "--out", out],
  ]);
  if (status !== 0) return { error: output.trimEnd().split("\n").at(-1) };
  const values = jsonLines(out)
    .filter((line) => line.row !== undefined)
    .flatMap((line) => (line.chosen === undefined ? [line.logprob] : [line.chosen, line.rejected]));
  return { values };
}

/** The largest relative difference of two lists of equal lengths. */
export function differences(a, b) {
  if (a.length !== b.length || a.length === 0) return Number.POSITIVE_INFINITY;
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.max(1e-12, Math.abs(value))));
}

/** Writes a run of a golden model on made-up rows. @returns the config's path */
export function writeRun({ ROOT, folder, device, dtype, steps }) {
  mkdirSync(folder, { recursive: true });
  const word = (i) => String.fromCharCode(97 + ((i * i + 7 * i) % 26));
  const text = (seed, length) => Array.from({ length }, (_, i) => word(seed * 31 + i)).join(" ");
  const lines = (row) => `${Array.from({ length: 64 }, (_, i) => JSON.stringify(row(i))).join("\n")}\n`;
  writeFileSync(
    join(folder, "sft.jsonl"),
    lines((i) => ({ prompt: text(i, 3 + (i % 9)), response: text(i + 100, 5 + (i % 17)) })),
  );
  writeFileSync(
    join(folder, "dpo.jsonl"),
    lines((i) => ({
      prompt: text(i + 200, 4 + (i % 7)),
      chosen: text(i + 300, 3 + (i % 11)),
      rejected: text(i + 400, 3 + (i % 13)),
    })),
  );
  const config = {
    version: 1,
    model: join(ROOT, "test/goldens/models/neox-nano"),
    device,
    dtype,
    objectives: {
      sft: { kind: "sft", data: join(folder, "sft.jsonl"), format: "prompt-response", batch: 4 },
      dpo: { kind: "dpo", data: join(folder, "dpo.jsonl"), format: "pairs", batch: 4 },
    },
    policy: { name: "mix", lambda: 0.5 },
    optimizer: { lr: 1e-4 },
    steps,
    out: join(folder, "run"),
  };
  const path = join(folder, "run.json");
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** The largest relative difference of the losses of two runs' steps. */
export function compareRuns(a, b) {
  const losses = (folder) =>
    jsonLines(join(folder, "run/metrics.jsonl"))
      .filter((line) => line.type === "step")
      .map((line) => line.loss);
  return differences(losses(a), losses(b));
}
