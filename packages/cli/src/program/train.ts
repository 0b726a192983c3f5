/** `outright train`: its options and help text. */
import type { Command } from "commander";
import type { TrainFlags } from "../commands/train.js";
import type { Output } from "../terminal/output.js";
import { examples, type Outcome, withOverrides } from "./options.js";

export function addTrain(program: Command, output: Output, outcome: Outcome): void {
  const command = program
    .command("train")
    .summary("train a model as a config says")
    .description(
      "Trains a model as a config says. Ctrl-C saves a checkpoint and leaves; again, it quits at once. Any key of the config can be replaced on the command line, as --objectives.sft.batch 8.",
    )
    .argument("[config]", "run config, YAML or JSON; not needed with --resume DIR")
    .option("--resume [dir]", "go on from the latest checkpoint of the config's `out`, or of the run in DIR")
    .option("--dry-run", "check config, model and data, say what would be trained, write nothing")
    .option("--json", "events as JSON lines on standard output, and nothing else there")
    .usage("[config] [options] [--any.key value ...]")
    .addHelpText(
      "after",
      examples(
        ["outright train run.yaml", ""],
        ["outright train run.yaml --dry-run", "what would be trained"],
        ["outright train run.yaml --policy.lambda 0.3 --out runs/b", "with other values"],
        ["outright train run.yaml --resume", "go on, or begin where there is nothing yet"],
        ["outright train --resume runs/b", "go on with the run's own config"],
        ["outright train run.yaml --json > events.jsonl", "for programs"],
      ),
    );
  withOverrides(command, async (operands, overrides) => {
    const { trainCommand } = await import("../commands/train.js");
    outcome.exitCode = await trainCommand(operands[0], command.opts<TrainFlags>(), overrides, output);
  });
}
