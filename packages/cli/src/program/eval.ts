/** `outright eval`: the parent of all evaluations. */
import type { Command } from "commander";
import type { Output } from "../terminal/output.js";
import { addEvalLosses } from "./eval-losses.js";
import { addMmlu } from "./eval-mmlu.js";
import { addWinrate } from "./eval-winrate.js";
import type { Outcome } from "./options.js";

export function addEval(program: Command, output: Output, outcome: Outcome): void {
  const command = program
    .command("eval")
    .summary("measure how good a model is")
    .description("Measures how good a model is; each measure is a command of its own.");
  addEvalLosses(command, output, outcome);
  addMmlu(command, output, outcome);
  addWinrate(command, output, outcome);
}
