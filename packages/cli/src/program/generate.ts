/** `outright generate`: its options and help text. */
import { type Command, Option } from "commander";
import type { GenerateFlags } from "../commands/generate.js";
import type { Output } from "../terminal/output.js";
import { addSampling } from "./generation-options.js";
import { examples, TEMPLATES } from "./options.js";
import { collect } from "./values.js";

export function addGenerate(program: Command, output: Output): void {
  const command = program
    .command("generate")
    .summary("let a model go on with prompts")
    .description(
      "Goes on with prompts until the end token or --max-tokens, many prompts at once: by the most likely token each time, or by draws. An answer does not depend on which other prompts there are.",
    )
    .requiredOption("--model <dir>", "model directory, e.g. a run's model/")
    .option("--adapter <dir>", "LoRA adapter in peft's format, put on the model")
    .option("--prompt <text>", "a prompt; may be given several times", collect)
    .option("--prompts <file>", 'prompts from a file: rows with "prompt", or "instruction" and "input"')
    .addOption(
      new Option(
        "--template <name>",
        "how a prompt is dressed; none leaves it as it is (default: as in the run that --model lies in, else plain)",
      ).choices([...TEMPLATES, "none"]),
    );
  addSampling(command, 0, 128)
    .option("--json", "one JSON line for each prompt: row, prompt, text, end (eos, stop or length)")
    .addHelpText(
      "after",
      examples(
        ['outright generate --model runs/first/model --prompt "Name three colours."', ""],
        ['outright generate --model stories --prompt "Once upon" --template none --temperature 0.8', ""],
        ["outright generate --model runs/first/model --prompts questions.jsonl --json", ""],
      ),
    )
    .action(async (flags: GenerateFlags) => {
      const { generateCommand } = await import("../commands/generate.js");
      await generateCommand(flags, output);
    });
}
