/** `outright preview`: its options and help text. */
import type { Command } from "commander";
import type { PreviewFlags } from "../commands/preview.js";
import type { Output } from "../terminal/output.js";
import { examples, withOverrides } from "./options.js";
import { wholeFrom } from "./values.js";

export function addPreview(program: Command, output: Output): void {
  const command = program
    .command("preview")
    .summary("rows as the model sees them")
    .description(
      "Shows rows of a config's data as the model sees them; what carries loss is coloured, or in ⟦brackets⟧.",
    )
    .argument("<config>", "run config, YAML or JSON")
    .option("--objective <name>", "only this one (default: all)")
    .option("--rows <count>", "rows of each", wholeFrom(1), 3)
    .option("--skip <count>", "leave out the first rows", wholeFrom(0), 0)
    .option("--json", "one JSON line a row, with token ids")
    .usage("<config> [options] [--any.key value ...]")
    .addHelpText("after", examples(["outright preview run.yaml --objective dpo --rows 1", ""]));
  withOverrides(command, async (operands, overrides) => {
    const { previewCommand } = await import("../commands/preview.js");
    await previewCommand(operands[0] as string, command.opts<PreviewFlags>(), overrides, output);
  });
}
