/** What people see of an error: its message, and the stack only where it is asked for. */
import { CommanderError } from "commander";

/** A wrong way to call a command; told like any other error, with where to read more. */
export class UsageError extends Error {
  constructor(message: string, command = "") {
    super(`${message}; see \`outright ${command === "" ? "" : `${command} `}--help\``);
    this.name = "UsageError";
  }
}

/**
 * Lines for standard error, each beginning with "outright: ". Config errors have one line for each problem,
 * all others are one line.
 */
export function errorLines(error: unknown, withStack: boolean): string {
  if (withStack && error instanceof Error) return `outright: ${error.stack ?? error.message}\n`;
  const message = error instanceof Error ? error.message : String(error);
  const isList = error instanceof Error && error.name === "ConfigError";
  const lines = isList ? message.split("\n") : [message.replace(/\s*\n\s*/g, " ").trim()];
  return lines.map((line) => `outright: ${line}\n`).join("");
}

/** Commander's "error: unknown option '--x'\n(Did you mean --y?)" as one line with a hint. */
export function usageError(error: CommanderError, command: string): UsageError {
  const [first = "", ...rest] = error.message
    .replace(/^error: /, "")
    .replace(/\.$/, "")
    .split("\n");
  const hint = rest
    .join(" ")
    .replace(/^\(|\)$/g, "")
    .replace(/^Did/, "did");
  return new UsageError(hint === "" ? first : `${first}; ${hint}`, command);
}

/** --help and --version end by an error that is none. */
export function isPlainExit(error: unknown): error is CommanderError {
  return error instanceof CommanderError && error.exitCode === 0;
}
