/** `outright plan`: its options and help text. */
import type { Command } from "commander";
import type { PlanFlags } from "../commands/plan.js";
import type { Output } from "../terminal/output.js";
import { examples, withOverrides } from "./options.js";

export function addPlan(program: Command, output: Output): void {
  const command = program
    .command("plan")
    .summary("memory and time of a run, before it begins")
    .description(
      "Forecasts a run's memory by part and its time per step, and says which settings save how much. Reads the data and the model's config.json, times one call of each kernel, writes nothing.",
    )
    .argument("<config>", "run config, YAML or JSON")
    .option("--json", "as one JSON object, bytes and seconds")
    .usage("<config> [options] [--any.key value ...]")
    .addHelpText(
      "after",
      examples(
        ["outright plan run.yaml", ""],
        ["outright plan run.yaml --recompute block", "the same with another setting"],
      ),
    );
  withOverrides(command, async (operands, overrides) => {
    const { planCommand } = await import("../commands/plan.js");
    await planCommand(operands[0] as string, command.opts<PlanFlags>(), overrides, output);
  });
}
