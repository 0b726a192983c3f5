/** `outright eval mmlu`: its options and help text. */
import { ALL_SUBJECTS, GROUPS, SUBJECTS } from "@outright/eval";
import type { Command } from "commander";
import type { MmluFlags } from "../commands/eval-mmlu.js";
import type { Output } from "../terminal/output.js";
import { wrap } from "../terminal/wrap.js";
import { addDevice, examples, type Outcome } from "./options.js";
import { wholeFrom } from "./values.js";

export function addMmlu(parent: Command, output: Output, outcome: Outcome): void {
  const command = parent
    .command("mmlu")
    .summary("multiple choice questions of 57 subjects")
    .description(
      "Asks a model the questions of MMLU and tells how many it answers rightly, by subject and group: the likeliest of four letters is its answer. Prompts, tokens, log-likelihoods and standard errors are those of lm-evaluation-harness' task mmlu.",
    )
    .requiredOption("--model <dir>", "model directory, or an adapter's, which is merged into its base")
    .option("--adapter <dir>", "LoRA adapter in peft's format, put on the model")
    .option(
      "--data <path>",
      "folder with dev/ and test/ of SUBJECT_dev.csv and SUBJECT_test.csv, or a zip of it (default: cais/mmlu on the hub)",
    )
    .option("--subjects <names>", "subjects and groups, with commas (default: all that there are)", names)
    .option("--shots <count>", "examples before each question", wholeFrom(0), 1)
    .option("--limit <rows>", "only the first rows of each subject", wholeFrom(1))
    .option("--out <file>", "JSON lines, one a row; the same command goes on where it ended");
  addDevice(command)
    .option("--json", "the result as one JSON line on standard output, and nothing else there")
    .addHelpText("after", `\n${NOTES}\n${subjectList()}\n${EXAMPLES}`)
    .action(async (flags: MmluFlags) => {
      const { mmluCommand } = await import("../commands/eval-mmlu.js");
      outcome.exitCode = await mmluCommand(flags, output);
    });
}

/** "stem, philosophy" */
function names(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

const NOTES = `A prompt longer than the model's positions loses its beginning, which is told.
The hub's address and key are HF_ENDPOINT and HF_TOKEN, as for other programs.`;

function subjectList(): string {
  const groups = GROUPS.map((group) => wrap(SUBJECTS[group].join(" "), 78, `  ${group}: `, "    "));
  return `\nThe ${ALL_SUBJECTS.length} subjects:\n${groups.join("\n")}`;
}

const EXAMPLES = examples(
  ["outright eval mmlu --model base", "all subjects, from the hub"],
  ["outright eval mmlu --model base --data mmlu.zip --shots 5 \\", ""],
  ["  --subjects stem,philosophy --limit 20 --out mmlu.jsonl", "a part of it"],
);
