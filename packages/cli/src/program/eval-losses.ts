/** `outright eval losses`: its options and help text. */
import type { Command } from "commander";
import type { EvalLossesFlags } from "../commands/eval-losses.js";
import type { Output } from "../terminal/output.js";
import { examples, type Outcome, withOverrides } from "./options.js";

export function addEvalLosses(parent: Command, output: Output, outcome: Outcome): void {
  const command = parent
    .command("losses")
    .summary("losses of a model on the rows that a run evaluates")
    .description(
      "Tells the losses of any model on the held-out rows of a run config, and on its slice of training rows, by the run's own code; with the gaps to the optima that the config knows.",
    )
    .argument("<config>", "run config, YAML or JSON, e.g. a run's config.yaml")
    .option("--of <dir>", "the model: a Hugging Face directory, or an adapter's (default: the config's own)")
    .option("--json", "as one JSON line on standard output, and nothing else there")
    .usage("<config> [options] [--any.key value ...]")
    .addHelpText(
      "after",
      examples(
        ["outright eval losses run.yaml", "where the base model stands"],
        ["outright eval losses run.yaml --of merged", "where an average of two runs stands"],
      ),
    );
  withOverrides(command, async (operands, overrides) => {
    const { evalLossesCommand } = await import("../commands/eval-losses.js");
    outcome.exitCode = await evalLossesCommand(
      operands[0] as string,
      command.opts<EvalLossesFlags>(),
      overrides,
      output,
    );
  });
}
