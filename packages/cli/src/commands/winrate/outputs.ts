/** The model's outputs: read, or made by the model. */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { openAdapterDirectory } from "@outright/checkpoint";
import {
  generateOutputs,
  isDialogue,
  type OutputsFile,
  outputsToMake,
  type PromptTemplates,
  readOutputs,
  winrateFile,
  writeOutputs,
} from "@outright/eval";
import { formatWhole } from "../../terminal/format.js";
import { LiveLine } from "../../terminal/live-line.js";
import type { Output } from "../../terminal/output.js";
import { noteOtherBase } from "../adapter-base.js";
import { promptTemplates, templateReason } from "../prompt-templates.js";
import type { WinrateFlags } from "./flags.js";

export interface ModelOutputs extends OutputsFile {
  /** how prompts were dressed, where the model made the outputs now */
  templates?: PromptTemplates;
  /** outputs that a dry run does not make: in their place stand texts as long as the reference's */
  notMade: number;
}

/** @param tell lines for people */
export async function modelOutputs(
  flags: WinrateFlags,
  reference: OutputsFile,
  output: Output,
  tell: (line: string) => void,
): Promise<ModelOutputs> {
  if (flags.outputs !== undefined) return { ...named(await readOutputs(flags.outputs), flags), notMade: 0 };
  const model = flags.model as string;
  const templates = promptTemplates(model, flags.template);
  tell(templateLine(flags, templates, reference));
  if (flags.adapter !== undefined) noteOtherBase(openAdapterDirectory(flags.adapter), model, output);
  const path = winrateFile(flags.out, "generated");
  const { adapter, maxTokens = 1024, device, dtype, threads } = flags;
  const options = {
    ...{ model, templates, maxTokens, device, dtype, threads },
    ...(adapter === undefined ? {} : { adapter }),
  };
  const file = {
    path: winrateFile(flags.out, "outputs"),
    generator: flags.name ?? nameOf(adapter ?? model),
    templates,
  };
  const work = await outputsToMake(reference.rows, path, options);
  if (flags.dryRun === true) {
    const rows = reference.rows.map((row, i) => {
      const made = work.kept.byKey.get(work.keys[i] as string)?.output;
      return { ...row, output: made ?? "x".repeat(row.output.length) };
    });
    return { ...file, rows, notMade: work.missing };
  }
  const line = new LiveLine(output);
  const rows = await generateOutputs(reference.rows, path, work, options, (made, missing) => {
    if (flags.json !== true) line.show(`generating: ${formatWhole(made)}/${formatWhole(missing)} outputs`);
  });
  line.clear();
  writeOutputs(file.path, rows, file.generator);
  tell(
    `outputs made now: ${formatWhole(work.missing)} of ${formatWhole(rows.length)}, all are in ${file.path}`,
  );
  return { ...file, rows, notMade: 0 };
}

function named(file: OutputsFile, { name }: WinrateFlags): OutputsFile {
  return name === undefined ? file : { ...file, generator: name };
}

/** A run's directory says more than the "model" in it. */
function nameOf(directory: string): string {
  const path = resolve(directory);
  return existsSync(join(dirname(path), "config.yaml")) ? basename(dirname(path)) : basename(path);
}

function templateLine(
  { template, model }: WinrateFlags,
  { dialogue, other }: PromptTemplates,
  { rows }: OutputsFile,
): string {
  const dialogues = rows.filter(isDialogue).length;
  const used =
    dialogues === 0 ? other : dialogues === rows.length ? dialogue : `${other}, dialogues ${dialogue}`;
  return `prompts: template ${dialogue === other ? other : used} (${templateReason(model as string, template)})`;
}
