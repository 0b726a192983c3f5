/** `outright score`: its options and help text. */
import { type Command, Option } from "commander";
import type { ScoreFlags } from "../commands/score.js";
import type { Output } from "../terminal/output.js";
import { addDevice, examples, FORMATS, LOSSES, TEMPLATES } from "./options.js";
import { belowHalf, notNegative, positive, wholeFrom } from "./values.js";

export function addScore(program: Command, output: Output): void {
  const command = program
    .command("score")
    .summary("log-probs of every row of a file")
    .description(
      "Writes the log-prob of every row of a file under a model: the same numbers that training uses.",
    )
    .requiredOption("--model <dir>", "model directory")
    .option("--adapter <dir>", "LoRA adapter in peft's format, put on the model")
    .requiredOption("--data <file>", "data file")
    .addOption(new Option("--format <name>", "layout of its rows").choices(FORMATS).makeOptionMandatory())
    .addOption(
      new Option(
        "--template <name>",
        "how fields become prompt and response (default: the format's own)",
      ).choices(TEMPLATES),
    )
    .addOption(
      new Option("--boundary <rule>", "tokenise prompt and response")
        .choices(["separate", "joint"])
        .default("separate"),
    )
    .option("--reference <dir>", "reference model, for pairs: adds margin and loss")
    .addOption(
      new Option(
        "--loss <name>",
        "loss of pairs; simpo and orpo need no reference (default: sigmoid)",
      ).choices(LOSSES),
    )
    .option("--beta <number>", "of the loss (default: the loss' own)", positive)
    .option("--nll <weight>", "of an added SFT term on chosen answers (default: the loss' own)", notNegative)
    .option(
      "--label-smoothing <share>",
      "of sigmoid and robust: pairs that are the wrong way round",
      belowHalf,
    )
    .option("--length-normalised", "mean log-ratios per token (default: the loss' own)")
    .option("--no-length-normalised", "their sums")
    .option("--margin <number>", "of simpo: gamma (default: 1)", notNegative)
    .option("--margin-scale <number>", "of mmpo: gamma (default: 1)", positive)
    .option("--max-length <tokens>", "most tokens of one row (default: no limit)", wholeFrom(2))
    .addOption(
      new Option("--truncate <rule>", "what to do with longer rows")
        .choices(["error", "drop", "prompt-left", "response-right"])
        .default("error"),
    )
    .requiredOption("--out <file>", "JSON lines, one a row, then a summary")
    .option("--per-token", "also write the log-prob of every loss token")
    .option(
      "--tokens-per-micro-batch <tokens>",
      "tokens that go through the model at once (default: auto)",
      wholeFrom(1),
    );
  addDevice(command)
    .option("--json", "the summary as one JSON line on standard output, and nothing else there")
    .addHelpText(
      "after",
      examples(
        ["outright score --model base --data a.jsonl --format alpaca --out scores.jsonl", ""],
        [
          "outright score --model tuned --reference base --data p.jsonl --format pairs --out scores.jsonl",
          "",
        ],
        ["outright score --model tuned --loss simpo --data p.jsonl --format pairs --out scores.jsonl", ""],
      ),
    )
    .action(async (flags: ScoreFlags) => {
      const { scoreCommand } = await import("../commands/score.js");
      await scoreCommand(flags, output);
    });
}
