/** Our side of a comparison: reads its work and requests as JSON lines, answers each with one (lib/participant.ts). */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { type EndReply, type Ready, type StepReply, Unavailable, type Work } from "../lib/participant.js";
import { peakRssBytes } from "../lib/process-memory.js";
import { fromFile, type RowsFile } from "../lib/rows.js";
import { type StepEngine, stepEngine } from "../lib/step-engine.js";

const answer = (reply: Ready | StepReply | EndReply | { unavailable: string } | { failed: string }) =>
  process.stdout.write(`${JSON.stringify(reply)}\n`);

let engine: StepEngine | null = null;

function handle(request: { work?: Work; step?: number; end?: boolean }): Ready | StepReply | EndReply {
  if (request.work !== undefined) {
    const rows = fromFile(JSON.parse(readFileSync(request.work.rows, "utf8")) as RowsFile);
    engine = stepEngine(request.work, rows);
    return { with: engine.description };
  }
  if (engine === null) throw new Error("no work was given");
  if (request.step !== undefined) {
    const begun = performance.now();
    const loss = engine.step(request.step);
    return { loss, seconds: (performance.now() - begun) / 1000 };
  }
  const { peakBytes, workspaceBytes } = engine.device.memory();
  const own = { peakRssBytes: peakRssBytes(), tensorPeakBytes: peakBytes, workspaceBytes };
  return engine.device.info.kind === "cpu" ? own : { ...own, devicePeakBytes: peakBytes + workspaceBytes };
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    answer(handle(JSON.parse(line)));
  } catch (error) {
    const { message } = error as Error;
    answer(error instanceof Unavailable ? { unavailable: message } : { failed: message });
  }
}
