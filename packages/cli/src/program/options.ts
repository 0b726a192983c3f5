/** Options and help texts that several commands share. */
import type { PreferenceLossName } from "@outright/objectives";
import type { Command } from "commander";
import { splitOverrides } from "../overrides.js";
import { device, dtype, wholeFrom } from "./values.js";

export const FORMATS = ["alpaca", "prompt-response", "messages", "text", "pairs", "hh"];
export const LOSSES: PreferenceLossName[] = ["sigmoid", "ipo", "hinge", "robust", "mmpo", "simpo", "orpo"];
export const TEMPLATES = ["plain", "clean", "alpaca", "paper", "chat"];

/** Filled in by the command that runs. */
export interface Outcome {
  exitCode: number;
}

export function addDevice(command: Command): Command {
  return command
    .option("--device <name>", "auto, cpu, cuda or cuda:N", device, "auto")
    .option("--dtype <name>", "of weights and activations: float32 or bfloat16", dtype, "float32")
    .option("--threads <count>", "0 = one per physical core", wholeFrom(0), 0);
}

/** Gives a command config keys as options: they are taken out before commander sees the rest. */
export function withOverrides(
  command: Command,
  run: (operands: (string | undefined)[], overrides: Record<string, string>) => Promise<void>,
): void {
  const own = [...command.options.flatMap((option) => option.long ?? []), "--help"];
  let overrides: Record<string, string> = {};
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (args) => {
    const split = splitOverrides(args, own, command.name());
    overrides = split.overrides;
    return parse(split.rest);
  };
  command.action(async (...given: unknown[]) => {
    await run(given.slice(0, command.registeredArguments.length) as (string | undefined)[], overrides);
  });
}

export function examples(...lines: [command: string, meaning: string][]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const text = lines.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}`.trimEnd());
  return `\nExamples:\n${text.join("\n")}`;
}
