/** `outright doctor`: its options and help text. */
import type { Command } from "commander";
import type { Output } from "../terminal/output.js";
import type { Outcome } from "./options.js";

export function addDoctor(program: Command, output: Output, outcome: Outcome): void {
  program
    .command("doctor")
    .summary("what hardware was found, which backend is used, and why")
    .description(
      "Says what hardware was found, which backend is used, and why. Exit code 1 where none can be.",
    )
    .option("--json", "as one JSON object")
    .action(async (flags: { json?: boolean }) => {
      const { doctorCommand } = await import("../commands/doctor.js");
      outcome.exitCode = doctorCommand(flags, output);
    });
}
