/** `outright train --dry-run`: everything that comes before the first step, without it. */
import { basename } from "node:path";
import { tokenizerDirectory } from "@outright/checkpoint";
import {
  type DatasetReport,
  loadDataset,
  loadTokenizer,
  type PairExample,
  readMargins,
  type SftExample,
} from "@outright/data";
import { trainableParameters } from "@outright/models";
import {
  datasetOptions,
  forecastLine,
  forecastRun,
  loadModel,
  modelIdentity,
  type ObjectiveSample,
  openDevice,
  type RunConfig,
  sampleOfRows,
  startLora,
  textOptions,
} from "@outright/trainer";
import { formatCount, formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";

interface ObjectiveFacts {
  name: string;
  data: string;
  report: DatasetReport;
  /** tokens of an example as maxLength measures them */
  meanTokens: number;
  longest: number;
}

/** Reads the model and all data, and says what would be trained. Writes nothing. */
export async function dryRun(config: RunConfig, isJson: boolean, output: Output): Promise<void> {
  const line = new LiveLine(output);
  const progress = (text: string): void => {
    if (!isJson) line.show(text);
  };
  const tokenizer = await loadTokenizer(tokenizerDirectory(config.model));
  const objectives: ObjectiveFacts[] = [];
  const samples: ObjectiveSample[] = [];
  for (const [name, objective] of Object.entries(config.objectives)) {
    const { examples, report } = await loadDataset({
      ...datasetOptions(objective, config, tokenizer),
      onProgress: ({ bytes, totalBytes }) =>
        progress(
          `reading ${basename(objective.data)} ${Math.floor((100 * bytes) / Math.max(1, totalBytes))}%`,
        ),
    });
    if (objective.kind === "dpo" && objective.loss === "mmpo") {
      for (const path of [objective.data, objective.heldout]) {
        if (path === undefined) continue;
        progress(`reading margins of ${basename(path)}`);
        await readMargins(path);
      }
    }
    samples.push(sampleOfRows(name, examples, config));
    const lengths = (examples as readonly (SftExample | PairExample)[]).map(tokensOf);
    objectives.push({ name, data: objective.data, report, ...summary(lengths) });
  }
  const { text } = config.evaluate;
  if (text !== undefined) {
    progress(`reading ${basename(text)}`);
    await loadDataset(textOptions(text, tokenizer));
  }
  progress(`loading ${config.model}`);
  const device = openDevice(config);
  try {
    const { model, directory } = loadModel(device, config.model, config.init, config.seed, {
      trainable: config.lora === undefined,
    });
    if (config.lora !== undefined) {
      const identity = modelIdentity(config.model, config.init, config.seed);
      startLora(model, config.lora, identity, { seed: config.seed });
    }
    const count = (list: readonly { count: number }[]) => list.reduce((total, one) => total + one.count, 0);
    const parameters = count(model.parameters);
    const trainable = count(trainableParameters(model));
    model.dispose();
    progress("timing the kernels");
    const forecast = forecastRun({ config, modelConfig: directory.config, objectives: samples, device });
    if (isJson) {
      output.out(
        `${JSON.stringify({ type: "dry-run", config, parameters, trainable, objectives, device: device.info, forecast })}\n`,
      );
      return;
    }
    line.clear();
    const adapters =
      config.lora === undefined ? "" : ` and ${formatCount(trainable)} in adapters, which train,`;
    output.out(`${formatCount(parameters)} parameters${adapters} on ${device.info.backend}\n`);
    for (const facts of objectives) output.out(objectiveLines(facts, config));
    output.out(`${forecastLine(forecast, config.steps)}\n`);
    output.out(`the config is good: ${formatWhole(config.steps)} steps would be written to ${config.out}\n`);
  } finally {
    device.close();
  }
}

function objectiveLines(
  { name, data, report, meanTokens, longest }: ObjectiveFacts,
  config: RunConfig,
): string {
  const batch = config.objectives[name]?.batch ?? 0;
  const lines = [
    `${name}: ${formatWhole(report.kept)} of ${formatWhole(report.rows)} rows of ${basename(data)}, ${meanTokens.toFixed(0)} tokens each, at most ${longest}; ${batch} a step`,
  ];
  for (const what of ["dropped", "cut"] as const) {
    for (const [reason, rows] of Object.entries(report[what])) {
      const first = (report.firstRows[reason] ?? []).join(", ");
      lines.push(`  ${what} ${formatWhole(rows)}: ${reason} (rows ${first}${rows > 5 ? ", …" : ""})`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** As maxLength measures it: prompt, and response or the longer answer of a pair. */
function tokensOf(example: SftExample | PairExample): number {
  const answer =
    "responseIds" in example
      ? example.responseIds.length
      : Math.max(example.chosenIds.length, example.rejectedIds.length);
  return example.promptIds.length + answer;
}

function summary(lengths: readonly number[]): { meanTokens: number; longest: number } {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return {
    meanTokens: total / lengths.length,
    longest: lengths.reduce((most, length) => Math.max(most, length), 0),
  };
}
