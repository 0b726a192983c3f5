/** `outright export`: its options and help text. */
import { type Command, Option } from "commander";
import type { ExportFlags } from "../commands/export.js";
import type { Output } from "../terminal/output.js";
import { examples } from "./options.js";

export function addExport(program: Command, output: Output): void {
  program
    .command("export")
    .summary("merge an adapter into its base")
    .description(
      "Merges a LoRA adapter in peft's format into its base, adapters that the base stands on included, and writes a Hugging Face directory.",
    )
    .requiredOption("--adapter <dir>", "adapter directory, e.g. a run's adapter/")
    .option("--model <dir>", "its base (default: the one it names)")
    .requiredOption("--out <dir>", "the directory to write")
    .addOption(
      new Option("--dtype <name>", "of the weights in the files; they are merged in float32")
        .choices(["float32", "bfloat16"])
        .default("float32"),
    )
    .addHelpText("after", examples(["outright export --adapter runs/first/adapter --out merged", ""]))
    .action(async (flags: ExportFlags) => {
      const { exportCommand } = await import("../commands/export.js");
      exportCommand(flags, output);
    });
}
