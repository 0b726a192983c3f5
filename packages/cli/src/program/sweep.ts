/** `outright sweep`: its options and help text. */
import type { Command } from "commander";
import type { SweepFlags } from "../commands/sweep.js";
import type { Output } from "../terminal/output.js";
import { examples, type Outcome, withOverrides } from "./options.js";

export function addSweep(program: Command, output: Output, outcome: Outcome): void {
  const command = program
    .command("sweep")
    .summary("methods compared over λ and seeds")
    .description(
      "Trains methods × λ × seeds from one run config and says which method, at which λ, at what cost: tables as JSON lines and CSV, and a report. Runs that are finished are not repeated, a failed one does not stop the rest. Ctrl-C saves; the same command goes on.",
    )
    .argument("[config]", "sweep config, YAML or JSON")
    .option(
      "--init [path]",
      "write a commented sweep config to start from (default: sweep.yaml), and no more",
    )
    .option("--dry-run", "check everything and list the runs; train and write nothing")
    .option(
      "--json",
      "events as JSON lines on standard output, the summary as the last, and nothing else there",
    )
    .usage("[config] [options] [--any.key value ...]")
    .addHelpText(
      "after",
      examples(
        ["outright sweep --init", "a config to start from"],
        ["outright sweep sweep.yaml --dry-run", "what would be trained"],
        ["outright sweep sweep.yaml", "train, or go on"],
        ["outright sweep sweep.yaml --seeds '[1, 2, 3, 4, 5]'", "more seeds; what is there is kept"],
      ),
    );
  withOverrides(command, async (operands, overrides) => {
    const { sweepCommand } = await import("../commands/sweep.js");
    outcome.exitCode = await sweepCommand(operands[0], command.opts<SweepFlags>(), overrides, output);
  });
}
