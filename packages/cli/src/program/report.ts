/** `outright report`: its options and help text. */
import type { Command } from "commander";
import type { Output } from "../terminal/output.js";
import { examples } from "./options.js";

export function addReport(program: Command, output: Output): void {
  program
    .command("report")
    .summary("one HTML page about one or several runs")
    .description(
      "Writes one self-contained HTML page about one or several runs; runs that still go on may be among them.",
    )
    .argument("<run...>", "directories of runs")
    .option("--out <file>", "the page (default: report.html in the run's directory; with several runs, here)")
    .option("--title <text>", "its title")
    .addHelpText("after", examples(["outright report runs/mix runs/alright --out compare.html", ""]))
    .action(async (runs: string[], flags: { out?: string; title?: string }) => {
      const { reportCommand } = await import("../commands/report.js");
      await reportCommand(runs, flags, output);
    });
}
