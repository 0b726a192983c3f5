/** `outright theory`: its options and help text. */
import type { Command } from "commander";
import type { TheoryFlags } from "../commands/theory.js";
import type { Output } from "../terminal/output.js";
import { examples } from "./options.js";
import { betweenZeroAndOne, wholeFrom } from "./values.js";

export function addTheory(program: Command, output: Output): void {
  program
    .command("theory")
    .summary("the methods in a model of two parameters, exactly")
    .description(
      "Runs Sequential, Mix, ALRIGHT and MAXRIGHT on a softmax model of two parameters, whose optima and bounds are known exactly, and draws the paper's Figure 2 from it: a page, each figure as SVG, all numbers as CSV and theory.json.",
    )
    .option("--out <dir>", "directory to write into", "runs/theory")
    .option("--lambda <number>", "weight of DPO, between 0 and 1", betweenZeroAndOne, 0.5)
    .option(
      "--seed <number>",
      "a random instance and other coins (default: the built-in example)",
      wholeFrom(0),
    )
    .option("--json", "what was found as one JSON line on standard output, and nothing else there")
    .addHelpText(
      "after",
      examples(
        ["outright theory", ""],
        ["outright theory --lambda 0.2 --out runs/theory-0.2", "with more weight on SFT"],
        ["outright theory --seed 7", "does it hold for another instance?"],
      ),
    )
    .action(async (flags: TheoryFlags) => {
      const { theoryCommand } = await import("../commands/theory.js");
      await theoryCommand(flags, output);
    });
}
