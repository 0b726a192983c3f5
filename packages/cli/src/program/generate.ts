/** `outright generate`: its options and help text. */
import { type Command, Option } from "commander";
import type { GenerateFlags } from "../commands/generate.js";
import type { Output } from "../terminal/output.js";
import { addDevice, examples, TEMPLATES } from "./options.js";
import { collect, wholeFrom } from "./values.js";

export function addGenerate(program: Command, output: Output): void {
  const command = program
    .command("generate")
    .summary("let a model go on with prompts")
    .description(
      "Goes on with prompts by the most likely token each time, until the end token or --max-tokens.",
    )
    .requiredOption("--model <dir>", "model directory, e.g. a run's model/")
    .option("--adapter <dir>", "LoRA adapter in peft's format, put on the model")
    .option("--prompt <text>", "a prompt; may be given several times", collect)
    .option("--prompts <file>", 'prompts from a file: rows with "prompt", or "instruction" and "input"')
    .option("--max-tokens <count>", "most tokens made for each prompt", wholeFrom(1), 128)
    .addOption(
      new Option("--template <name>", "how a prompt is dressed").choices(TEMPLATES).default("plain"),
    );
  addDevice(command)
    .option("--json", "one JSON line for each prompt: row, prompt, text")
    .addHelpText(
      "after",
      examples(
        ['outright generate --model runs/first/model --prompt "Once upon a time"', ""],
        ["outright generate --model runs/first/model --prompts questions.jsonl --template alpaca --json", ""],
      ),
    )
    .action(async (flags: GenerateFlags) => {
      const { generateCommand } = await import("../commands/generate.js");
      await generateCommand(flags, output);
    });
}
