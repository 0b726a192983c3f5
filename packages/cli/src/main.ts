/** The command line: what may be given, and which file does it. */
import { CommanderError } from "commander";
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
    const name = args.find((arg) => program.commands.some((command) => command.name() === arg)) ?? "";
    const told = error instanceof CommanderError ? usageError(error, name) : error;
    output.err(errorLines(told, withStack));
    return 1;
  }
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0";
}
