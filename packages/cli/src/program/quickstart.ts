/** `outright quickstart`: its options and help text. */
import type { Command } from "commander";
import type { QuickstartOptions } from "../quickstart/quickstart.js";
import type { Output } from "../terminal/output.js";
import { examples, type Outcome } from "./options.js";
import { wholeFrom } from "./values.js";

export function addQuickstart(program: Command, output: Output, outcome: Outcome): void {
  program
    .command("quickstart")
    .summary("all methods compared on a small model, in minutes")
    .description(
      "Makes a small model and two sets of data that pull apart, trains on both in five ways, and compares them in a table and a report. Nothing is downloaded. Ctrl-C saves; the same command goes on.",
    )
    .option("--out <dir>", "directory for everything it makes", "runs/quickstart")
    .option("--seed <number>", "another world, another base model, other runs", wholeFrom(0), 1)
    .option("--fresh", "start over where there is a quickstart already")
    .option("--fast", "the same way in seconds, to see whether it works; the numbers mean nothing")
    .option(
      "--json",
      "events as JSON lines on standard output, the results as the last, and nothing else there",
    )
    .addHelpText(
      "after",
      examples(
        ["outright quickstart", "go on, or begin where there is nothing yet"],
        ["outright quickstart --seed 2 --out runs/second", "does it hold for another seed?"],
      ),
    )
    .action(async (flags: QuickstartOptions) => {
      const { runQuickstart } = await import("../quickstart/quickstart.js");
      outcome.exitCode = await runQuickstart(flags, output);
    });
}
