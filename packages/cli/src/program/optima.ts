/** `outright optima`: its options and help text. */
import type { Command } from "commander";
import type { OptimaFlags } from "../commands/optima.js";
import type { Output } from "../terminal/output.js";
import { examples, type Outcome, withOverrides } from "./options.js";

export function addOptima(program: Command, output: Output, outcome: Outcome): void {
  const command = program
    .command("optima")
    .summary("f* of each objective, from training on it alone")
    .description(
      "Trains each objective of a config alone, from the same model and with the same budget, and writes optima.json: f*, from which gaps are measured and by which MAXRIGHT decides. What is there already is kept where nothing that decides it changed. Ctrl-C saves; the same command goes on.",
    )
    .argument("<config>", "run config, YAML or JSON; its policy does not matter")
    .option(
      "--into <dir>",
      "directory of the runs and of optima.json (default: optima, beside the config's out)",
    )
    .option("--json", "events as JSON lines on standard output, and nothing else there")
    .usage("<config> [options] [--any.key value ...]")
    .addHelpText(
      "after",
      examples(
        ["outright optima run.yaml", "then, in run.yaml: optima: runs/optima/optima.json"],
        ["outright optima run.yaml --steps 2000", "with another budget"],
      ),
    );
  withOverrides(command, async (operands, overrides) => {
    const { optimaCommand } = await import("../commands/optima.js");
    outcome.exitCode = await optimaCommand(
      operands[0] as string,
      command.opts<OptimaFlags>(),
      overrides,
      output,
    );
  });
}
