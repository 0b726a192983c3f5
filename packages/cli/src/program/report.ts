/** `outright report`: its options and help text. */
import type { Command } from "commander";
import type { Output } from "../terminal/output.js";
import { examples } from "./options.js";

export function addReport(program: Command, output: Output): void {
  program
    .command("report")
    .summary("one HTML page about a sweep, or about one or several runs")
    .description(
      "Writes one self-contained HTML page about a sweep or about one or several runs, also while they still go on.\n" +
        "For a sweep, every figure is written beside the page too, as SVG, PNG and CSV.",
    )
    .argument("<directory...>", "directory of a sweep, or directories of runs")
    .option("--out <file>", "the page (default: report.html in that directory; with several runs, here)")
    .option(
      "--figures <dir>",
      "every figure as SVG, PNG and CSV (default: figures/ in a sweep's directory; for runs none)",
    )
    .option("--title <text>", "its title")
    .addHelpText(
      "after",
      examples(
        ["outright report sweeps/first", "the sweep's page and its figures"],
        ["outright report runs/mix runs/alright --out compare.html", "runs side by side"],
        ["outright report runs/mix --figures pictures", "a run's figures as files"],
      ),
    )
    .action(async (dirs: string[], flags: { out?: string; figures?: string; title?: string }) => {
      const { reportCommand } = await import("../commands/report.js");
      await reportCommand(dirs, flags, output);
    });
}
