/** `outright eval losses` */
import { evaluateModel, loadConfig } from "@outright/trainer";
import { formatLosses } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";
import { onStopSignals } from "./signals.js";

export interface EvalLossesFlags {
  of?: string;
  json?: boolean;
}

/** @returns the exit code: 0, or 128 + the signal's number where it was stopped */
export async function evalLossesCommand(
  configPath: string,
  flags: EvalLossesFlags,
  overrides: Record<string, string>,
  output: Output,
): Promise<number> {
  const config = loadConfig(configPath, { overrides });
  const line = new LiveLine(output);
  let isStopped = false;
  const signals = onStopSignals(() => {
    isStopped = true;
  });
  try {
    const event = await evaluateModel(config, {
      ...(flags.of === undefined ? {} : { model: flags.of }),
      shouldStop: () => isStopped,
      onWarning: (message) => line.warn(message),
      onProgress: ({ stage, done, total }) => {
        if (flags.json !== true) line.show(`${stage} ${done}/${total}`);
      },
    });
    line.clear();
    if (event === null) {
      output.err("stopped; nothing was written\n");
      return signals.exitCode();
    }
    if (flags.json === true) {
      output.out(`${JSON.stringify({ ...event, model: flags.of ?? config.model })}\n`);
      return 0;
    }
    const told = (name: string, { losses, gaps, idealDistance }: Parameters<typeof lineOf>[0]) =>
      output.out(`${name.padEnd(14)}  ${lineOf({ losses, gaps, idealDistance })}\n`);
    if (Object.keys(event.losses).length > 0) told("held out", event);
    if (event.train !== undefined) told("training slice", event.train);
    return 0;
  } finally {
    signals.dispose();
    line.clear();
  }
}

function lineOf(of: {
  losses: Record<string, number>;
  gaps?: Record<string, number> | undefined;
  idealDistance?: number | undefined;
}): string {
  const gaps = of.gaps === undefined ? "" : `  gaps ${formatLosses(of.gaps)}`;
  const distance = of.idealDistance === undefined ? "" : `  ideal distance ${of.idealDistance.toFixed(4)}`;
  return `${formatLosses(of.losses)}${gaps}${distance}`;
}
