/** Options of the commands that let a model write. */
import type { Command } from "commander";
import { addDevice } from "./options.js";
import { collect, notNegative, share, wholeFrom } from "./values.js";

/** @param temperature what it is by default */
export function addSampling(command: Command, temperature: number, maxTokens: number): Command {
  command
    .option("--max-tokens <count>", "most tokens of an answer", wholeFrom(1), maxTokens)
    .option(
      "--temperature <number>",
      "what logits are divided by before a token is drawn; 0: the most likely one each time",
      notNegative,
      temperature,
    )
    .option("--top-k <count>", "draw from so many of the most likely tokens; 0: from all", wholeFrom(0), 0)
    .option(
      "--top-p <share>",
      "draw from the most likely tokens that together have this probability",
      share,
      1,
    )
    .option("--seed <number>", "of the draws", wholeFrom(0), 0)
    .option("--stop <text>", "an answer ends before this text; may be given several times", collect);
  return addDevice(command);
}
