/** `outright schema`: its options and help text. */
import type { Command } from "commander";
import type { Output } from "../terminal/output.js";

export function addSchema(program: Command, output: Output): void {
  program
    .command("schema")
    .summary("print the config's JSON Schema")
    .description("Prints the JSON Schema of the run config: editors check and complete configs with it.")
    .action(async () => {
      const { schemaCommand } = await import("../commands/schema.js");
      schemaCommand(output);
    });
}
