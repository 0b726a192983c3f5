/** `outright optima` */
import { dirname, join, relative, resolve } from "node:path";
import { runOptima } from "@outright/sweep";
import { loadConfig } from "@outright/trainer";
import { formatLoss, formatSeconds, formatWhole } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";
import { SweepView } from "../terminal/sweep-view.js";
import { onStopSignals } from "./signals.js";

export interface OptimaFlags {
  into?: string;
  json?: boolean;
}

/** @returns the exit code: 0, 1 where a run failed, or 128 + the signal's number where it was stopped */
export async function optimaCommand(
  configPath: string,
  flags: OptimaFlags,
  overrides: Record<string, string>,
  output: Output,
): Promise<number> {
  const config = loadConfig(configPath, { overrides });
  const out = flags.into === undefined ? join(dirname(config.out), "optima") : resolve(flags.into);
  const view = new SweepView(output, flags.json === true);
  const abort = new AbortController();
  const signals = onStopSignals((name) => {
    view.stopping(name);
    abort.abort();
  });
  try {
    const result = await runOptima(config, out, { onEvent: view.show, signal: abort.signal });
    view.clear();
    if (result.reason === "stopped") {
      view.keep(`stopped; the same command goes on in ${out}`);
      return signals.exitCode();
    }
    const failed = result.rows.find((row) => row.status === "failed");
    if (result.summary === null || result.failed > 0)
      throw new Error(
        `${out}: no optima, since a run failed${failed?.status === "failed" ? `: ${failed.error}` : ""}`,
      );
    const { optima, optimaCost } = result.summary;
    for (const [name, heldout] of Object.entries(optima.heldout)) {
      const train = optima.train?.[name];
      view.keep(
        `f* of ${name}  ${formatLoss(heldout)} on held-out rows${train === undefined ? "" : `, ${formatLoss(train)} on the training slice`}`,
      );
    }
    if (optimaCost !== null) {
      const { seconds, steps, tokens } = optimaCost;
      view.keep(
        `cost: ${formatSeconds(seconds)} of training, ${formatWhole(steps)} steps, ${formatWhole(tokens)} tokens`,
      );
    }
    const from = relative(dirname(resolve(configPath)), result.paths.optima);
    view.keep(`written to ${result.paths.optima}\nin ${configPath}, say: optima: ${from}`);
    view.json({ type: "optima", path: result.paths.optima, ...optima, cost: optimaCost });
    return 0;
  } finally {
    signals.dispose();
    view.clear();
  }
}
