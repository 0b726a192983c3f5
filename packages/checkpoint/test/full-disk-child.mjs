// Runs on a file system of 1 MiB, given as the argument; prints what happened as JSON.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  MetricsFile,
  mergeModels,
  RunDirectory,
  saveModelDirectory,
  writeFileAtomic,
  writeSafetensors,
} from "@outright/checkpoint";

const disk = process.argv[2];
const run = RunDirectory.open(join(disk, "run"));
const tensor = (count) => ({ name: "t", dtype: "F32", shape: [count], data: () => new Float32Array(count) });
const checkpoint = (count) => ({ tensors: { weights: [tensor(count)] }, state: {} });

// Small versions of everything exist before.
run.saveCheckpoint(1, checkpoint(10), 2);
const model = join(disk, "model");
saveModelDirectory(model, { config: { small: true }, tensors: [tensor(10)] });
const safetensors = join(disk, "t.safetensors");
writeSafetensors(safetensors, [tensor(10)]);
const note = join(disk, "note.txt");
writeFileAtomic(note, "small");
const metrics = new MetricsFile(run.paths.metrics);
metrics.append({ small: true });

const results = {};
attempt("checkpoint", () => run.saveCheckpoint(2, checkpoint(300_000), 2));
attempt("model", () => saveModelDirectory(model, { config: {}, tensors: [tensor(300_000)] }));
attempt("safetensors", () => writeSafetensors(safetensors, [tensor(300_000)]));
attempt("file", () => writeFileAtomic(note, "x".repeat(1_500_000)));
attempt("metrics", () => metrics.append({ text: "x".repeat(1_500_000) }));
// models to merge lie elsewhere
const elsewhere = mkdtempSync(join(tmpdir(), "outright-full-disk-"));
const models = ["a", "b"].map((name) => join(elsewhere, name));
for (const large of models) saveModelDirectory(large, { config: {}, tensors: [tensor(300_000)] });
attempt("merge", () => mergeModels({ models, alpha: 0.5, out: join(disk, "merged") }));
rmSync(elsewhere, { recursive: true });
results.latest = run.latestCheckpoint();

// Full to the last byte, then with space again.
const ballast = join(disk, "ballast");
try {
  writeFileSync(ballast, Buffer.alloc(2 << 20));
} catch {
  // as intended
}
attempt("checkpoint", () => run.saveCheckpoint(2, checkpoint(300_000), 2));
rmSync(ballast);
run.saveCheckpoint(3, checkpoint(10), 2);
results.later = run.latestCheckpoint();

metrics.close();
execFileSync("mount", ["-o", "remount,ro", disk]);
results.readOnly = {
  checkpoint: messageOf(() => run.saveCheckpoint(4, checkpoint(10), 2)),
  file: messageOf(() => writeFileAtomic(note, "x")),
  open: messageOf(() => RunDirectory.open(join(disk, "other"))),
};
console.log(JSON.stringify(results));

function attempt(name, run) {
  const before = content(disk);
  const message = messageOf(run);
  results[name] = { message, before, after: content(disk) };
}

function messageOf(run) {
  try {
    run();
    return "nothing was thrown";
  } catch (error) {
    return error.message;
  }
}

/** Every file with its hash. */
function content(directory) {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true })
      .sort()
      .map((name) => {
        const path = join(directory, name);
        if (statSync(path).isDirectory()) return [name, "directory"];
        return [name, createHash("sha256").update(readFileSync(path)).digest("hex")];
      }),
  );
}
