/** `outright merge`: its options and help text. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { MergeFlags } from "../commands/merge.js";
import type { Output } from "../terminal/output.js";
import { examples } from "./options.js";

export function addMerge(program: Command, output: Output): void {
  program
    .command("merge")
    .summary("average the weights of models")
    .description(
      "Averages the weights of models of one architecture and writes a Hugging Face directory. Of two models A and B the result is (1 - alpha) * A + alpha * B, alpha also block by block; of any number, their sum by weight. It needs memory for parts of one tensor only.",
    )
    .requiredOption(
      "--models <dirs...>",
      "two or more model directories, or runs' directories with model/; config and tokenizer are the first one's",
    )
    .option("--alpha <number>", "of two models: share of the second, 0 (the first's bits) to 1", share)
    .option(
      "--block-alpha <alphas>",
      "shares of blocks of layers: 0:0.2,1-3:0.5 (the others take --alpha), 0.2..0.8 (from the first block to the last), or a YAML or JSON file with a list or a mapping; tensors outside of blocks take --alpha",
    )
    .option("--weights <numbers...>", "one of 0 or more for each model; divided by their sum")
    .requiredOption("--out <dir>", "the directory to write; it must not exist yet")
    .addOption(
      new Option(
        "--dtype <name>",
        "of the weights in the files, rounded to nearest even (default: the models' own where all have the same, else float32)",
      ).choices(["float32", "bfloat16"]),
    )
    .addOption(
      new Option("--allow <what...>", "what may differ between the models; the first one's is taken").choices(
        ["config", "tokenizer"],
      ),
    )
    .option("--json", "what was written as one JSON line on standard output, and nothing else there")
    .addHelpText(
      "after",
      examples(
        ["outright merge --models runs/sft runs/dpo --alpha 0.5 --out averaged", ""],
        ["outright merge --models base tuned --alpha 0.3 --block-alpha 0.2..0.8 --out averaged", ""],
        ["outright merge --models a b c --weights 2 1 1 --out averaged", ""],
      ),
    )
    .action(async (flags: MergeFlags) => {
      const { mergeCommand } = await import("../commands/merge.js");
      mergeCommand(flags, output);
    });
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("It must be a number from 0 to 1.");
  return value;
}
