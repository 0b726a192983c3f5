/** The engine's thread: native calls block it for seconds, and nobody waits for it but the run itself. */
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { train } from "@outright/trainer";
import type { EngineJob, EngineMessage } from "./messages.js";

const { config, resume, report, stopFlag } = workerData as EngineJob;
const stop = new Int32Array(stopFlag);
const send = (message: EngineMessage): void => parentPort?.postMessage(message);

try {
  const result = await train(config, {
    resume,
    onEvent: (event) => send({ type: "event", event }),
    shouldStop: () => Atomics.load(stop, 0) !== 0,
  });
  if (report) await writeReport(result.out);
  send({ type: "result", result });
} catch (error) {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  send({ type: "error", name, message, stack });
}

/** The model is trained and saved: a report that fails is worth a warning, no more. */
async function writeReport(out: string): Promise<void> {
  try {
    // loaded only now: charts take longer to load than a small run to start
    const { renderReport } = await import("@outright/report");
    await renderReport({ runs: [out], out: join(out, "report.html") });
  } catch (error) {
    const message = `no report was written: ${(error as Error).message}`;
    send({ type: "event", event: { type: "notice", level: "warning", message } });
  }
}
