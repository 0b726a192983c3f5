/** `outright chat`: its options and help text. */
import { type Command, Option } from "commander";
import type { ChatFlags } from "../commands/chat.js";
import type { Output } from "../terminal/output.js";
import { addSampling } from "./generation-options.js";
import { examples, type Outcome, TEMPLATES } from "./options.js";
import { wholeFrom } from "./values.js";

export function addChat(program: Command, output: Output, outcome: Outcome): void {
  const command = program
    .command("chat")
    .summary("talk with a model")
    .description(
      "Talks with a model line by line, dressed as in its training. /reset begins anew, /system TEXT sets a system message where the template has a place for one, /quit or Ctrl-D ends. Ctrl-C ends an answer, and at the prompt the conversation. Lines may also come from a pipe: each is a message.",
    )
    .requiredOption("--model <dir>", "model directory, e.g. a run's model/")
    .option("--adapter <dir>", "LoRA adapter in peft's format, put on the model")
    .option("--system <text>", "a system message to begin with")
    .addOption(
      new Option(
        "--template <name>",
        "how the conversation is dressed (default: as in the run that --model lies in; else the tokenizer's chat template, else clean)",
      ).choices(TEMPLATES),
    );
  command.option(
    "--context <tokens>",
    "most tokens of the whole conversation, or as many as the model was made for",
    wholeFrom(2),
    4096,
  );
  addSampling(command, 0.7, 512)
    .addHelpText(
      "after",
      examples(
        ["outright chat --model runs/first/model", ""],
        ["outright chat --model runs/first/model --temperature 0 --system 'Answer in verse.'", ""],
        ["outright chat --model runs/first/model < questions.txt", "a message a line"],
      ),
    )
    .action(async (flags: ChatFlags) => {
      const { chatCommand } = await import("../commands/chat.js");
      outcome.exitCode = await chatCommand(flags, output);
    });
}
