/** `outright init`: its options and help text. */
import type { Command } from "commander";
import type { Output } from "../terminal/output.js";

export function addInit(program: Command, output: Output): void {
  program
    .command("init")
    .summary("write a commented config")
    .description(
      "Writes a config to start from, with every key, its default and what it means. Overwrites nothing.",
    )
    .argument("[path]", "where to", "run.yaml")
    .action(async (path: string) => {
      const { initCommand } = await import("../commands/init.js");
      initCommand(path, output);
    });
}
