/** The command line: what may be given, and which file does it. */
import { type Command, CommanderError } from "commander";
import { errorLines, isPlainExit, usageError } from "./errors.js";
import { buildProgram } from "./program.js";
import { type Output, processOutput } from "./terminal/output.js";

/** Runs one command. @returns the process's exit code; all errors are told on standard error. */
export async function main(args: readonly string[], output: Output = processOutput()): Promise<number> {
  const withStack = args.includes("--stack") || isOn(process.env.OUTRIGHT_STACK);
  const { program, outcome } = buildProgram(output);
  try {
    const given = args.filter((arg) => arg !== "--stack");
    await program.parseAsync(given.length === 0 ? ["--help"] : given, { from: "user" });
    return outcome.exitCode;
  } catch (error) {
    if (isPlainExit(error)) return 0;
    const told = error instanceof CommanderError ? usageError(error, commandPath(program, args)) : error;
    output.err(errorLines(told, withStack));
    return 1;
  }
}

/** The command that the arguments name, with its parent: "eval winrate". */
function commandPath(program: Command, args: readonly string[]): string {
  const names: string[] = [];
  let at = program;
  for (const arg of args) {
    const found: Command | undefined = at.commands.find((command) => command.name() === arg);
    if (found === undefined) continue;
    names.push(arg);
    at = found;
  }
  return names.join(" ");
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0";
}
