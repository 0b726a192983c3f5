/** All commands with their options and help texts. Each is loaded only when it is called, so that --help is quick. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { BenchFlags } from "./commands/bench.js";
import type { ExportFlags } from "./commands/export.js";
import type { GenerateFlags } from "./commands/generate.js";
import type { PlanFlags } from "./commands/plan.js";
import type { PreviewFlags } from "./commands/preview.js";
import type { ScoreFlags } from "./commands/score.js";
import type { TrainFlags } from "./commands/train.js";
import { splitOverrides } from "./overrides.js";
import type { QuickstartOptions } from "./quickstart/quickstart.js";
import type { Output } from "./terminal/output.js";
import { version } from "./version.js";

export interface Program {
  program: Command;
  /** filled in by the command that runs */
  outcome: { exitCode: number };
}

const FORMATS = ["alpaca", "prompt-response", "messages", "text", "pairs", "hh"];
const TEMPLATES = ["plain", "clean", "alpaca", "paper", "chat"];

export function buildProgram(output: Output): Program {
  const program = new Command("outright");
  const outcome = { exitCode: 0 };
  program
    .description(
      "Post-trains language models on SFT and preference data at once, so that neither is forgotten.",
    )
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .option("--stack", "show where an error arose (also OUTRIGHT_STACK=1)")
    .addHelpText(
      "after",
      examples(
        ["outright quickstart", "see it work on a small model that it makes itself"],
        ["outright init run.yaml", "write a config to start from"],
        ["outright train run.yaml", "train as it says"],
        ["outright plan run.yaml", "what memory and time it will need"],
        ["outright train run.yaml --steps 10", "the same with one key replaced"],
        ["outright train --resume runs/first", "go on after Ctrl-C or a crash"],
      ),
    );

  addQuickstart(program, output, outcome);
  addTrain(program, output, outcome);
  addPlan(program, output);
  addScore(program, output);
  addGenerate(program, output);
  addExport(program, output);
  addPreview(program, output);
  addReport(program, output);
  addDoctor(program, output, outcome);
  addBench(program, output);
  addInit(program, output);
  addSchema(program, output);

  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      // errors are told in one place, by main
      .configureOutput({ writeOut: (text) => output.out(text), writeErr: () => {}, outputError: () => {} })
      .configureHelp({ helpWidth: Math.min(output.width(), 110) });
  }
  return { program, outcome };
}

function addQuickstart(program: Command, output: Output, outcome: Program["outcome"]): void {
  program
    .command("quickstart")
    .summary("all methods compared on a small model, in minutes")
    .description(
      "Makes a small model and two sets of data that pull apart, trains on both in five ways, and compares them in a table and a report. Nothing is downloaded. Ctrl-C saves; the same command goes on.",
    )
    .option("--out <dir>", "directory for everything it makes", "runs/quickstart")
    .option("--seed <number>", "another world, another base model, other runs", wholeFrom(0), 1)
    .option("--fresh", "start over where there is a quickstart already")
    .option("--fast", "the same way in seconds, to see whether it works; the numbers mean nothing")
    .option(
      "--json",
      "events as JSON lines on standard output, the results as the last, and nothing else there",
    )
    .addHelpText(
      "after",
      examples(
        ["outright quickstart", "go on, or begin where there is nothing yet"],
        ["outright quickstart --seed 2 --out runs/second", "does it hold for another seed?"],
      ),
    )
    .action(async (flags: QuickstartOptions) => {
      const { runQuickstart } = await import("./quickstart/quickstart.js");
      outcome.exitCode = await runQuickstart(flags, output);
    });
}

function addTrain(program: Command, output: Output, outcome: Program["outcome"]): void {
  const command = program
    .command("train")
    .summary("train a model as a config says")
    .description(
      "Trains a model as a config says. Ctrl-C saves a checkpoint and leaves; again, it quits at once. Any key of the config can be replaced on the command line, as --objectives.sft.batch 8.",
    )
    .argument("[config]", "run config, YAML or JSON; not needed with --resume DIR")
    .option("--resume [dir]", "go on from the latest checkpoint of the config's `out`, or of the run in DIR")
    .option("--dry-run", "check config, model and data, say what would be trained, write nothing")
    .option("--json", "events as JSON lines on standard output, and nothing else there")
    .usage("[config] [options] [--any.key value ...]")
    .addHelpText(
      "after",
      examples(
        ["outright train run.yaml", ""],
        ["outright train run.yaml --dry-run", "what would be trained"],
        ["outright train run.yaml --policy.lambda 0.3 --out runs/b", "with other values"],
        ["outright train run.yaml --resume", "go on, or begin where there is nothing yet"],
        ["outright train --resume runs/b", "go on with the run's own config"],
        ["outright train run.yaml --json > events.jsonl", "for programs"],
      ),
    );
  withOverrides(command, async (operands, overrides) => {
    const { trainCommand } = await import("./commands/train.js");
    outcome.exitCode = await trainCommand(operands[0], command.opts<TrainFlags>(), overrides, output);
  });
}

function addPlan(program: Command, output: Output): void {
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
    const { planCommand } = await import("./commands/plan.js");
    await planCommand(operands[0] as string, command.opts<PlanFlags>(), overrides, output);
  });
}

function addScore(program: Command, output: Output): void {
  const command = program
    .command("score")
    .summary("log-probs of every row of a file")
    .description(
      "Writes the log-prob of every row of a file under a model: the same numbers that training uses.",
    )
    .requiredOption("--model <dir>", "model directory")
    .option("--adapter <dir>", "LoRA adapter in peft's format, put on the model")
    .requiredOption("--data <file>", "data file")
    .addOption(new Option("--format <name>", "layout of its rows").choices(FORMATS).makeOptionMandatory())
    .addOption(
      new Option(
        "--template <name>",
        "how fields become prompt and response (default: the format's own)",
      ).choices(TEMPLATES),
    )
    .addOption(
      new Option("--boundary <rule>", "tokenise prompt and response")
        .choices(["separate", "joint"])
        .default("separate"),
    )
    .option("--reference <dir>", "reference model, for pairs: adds margin and DPO loss")
    .option("--beta <number>", "of the DPO loss", positive, 0.1)
    .option("--max-length <tokens>", "most tokens of one row (default: no limit)", wholeFrom(2))
    .addOption(
      new Option("--truncate <rule>", "what to do with longer rows")
        .choices(["error", "drop", "prompt-left", "response-right"])
        .default("error"),
    )
    .requiredOption("--out <file>", "JSON lines, one a row, then a summary")
    .option("--per-token", "also write the log-prob of every loss token")
    .option(
      "--tokens-per-micro-batch <tokens>",
      "tokens that go through the model at once (default: auto)",
      wholeFrom(1),
    );
  addDevice(command)
    .option("--json", "the summary as one JSON line on standard output, and nothing else there")
    .addHelpText(
      "after",
      examples(
        ["outright score --model base --data a.jsonl --format alpaca --out scores.jsonl", ""],
        [
          "outright score --model tuned --reference base --data p.jsonl --format pairs --out scores.jsonl",
          "",
        ],
      ),
    )
    .action(async (flags: ScoreFlags) => {
      const { scoreCommand } = await import("./commands/score.js");
      await scoreCommand(flags, output);
    });
}

function addGenerate(program: Command, output: Output): void {
  const command = program
    .command("generate")
    .summary("let a model go on with prompts")
    .description(
      "Goes on with prompts by the most likely token each time, until the end token or --max-tokens.",
    )
    .requiredOption("--model <dir>", "model directory, e.g. a run's model/")
    .option("--adapter <dir>", "LoRA adapter in peft's format, put on the model")
    .option("--prompt <text>", "a prompt; may be given several times", collect)
    .option("--prompts <file>", 'prompts from a file: rows with "prompt", or "instruction" and "input"')
    .option("--max-tokens <count>", "most tokens made for each prompt", wholeFrom(1), 128)
    .addOption(
      new Option("--template <name>", "how a prompt is dressed").choices(TEMPLATES).default("plain"),
    );
  addDevice(command)
    .option("--json", "one JSON line for each prompt: row, prompt, text")
    .addHelpText(
      "after",
      examples(
        ['outright generate --model runs/first/model --prompt "Once upon a time"', ""],
        ["outright generate --model runs/first/model --prompts questions.jsonl --template alpaca --json", ""],
      ),
    )
    .action(async (flags: GenerateFlags) => {
      const { generateCommand } = await import("./commands/generate.js");
      await generateCommand(flags, output);
    });
}

function addExport(program: Command, output: Output): void {
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
      const { exportCommand } = await import("./commands/export.js");
      exportCommand(flags, output);
    });
}

function addPreview(program: Command, output: Output): void {
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
    const { previewCommand } = await import("./commands/preview.js");
    await previewCommand(operands[0] as string, command.opts<PreviewFlags>(), overrides, output);
  });
}

function addReport(program: Command, output: Output): void {
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
      const { reportCommand } = await import("./commands/report.js");
      await reportCommand(runs, flags, output);
    });
}

function addDoctor(program: Command, output: Output, outcome: Program["outcome"]): void {
  program
    .command("doctor")
    .summary("what hardware was found, which backend is used, and why")
    .description(
      "Says what hardware was found, which backend is used, and why. Exit code 1 where none can be.",
    )
    .option("--json", "as one JSON object")
    .action(async (flags: { json?: boolean }) => {
      const { doctorCommand } = await import("./commands/doctor.js");
      outcome.exitCode = doctorCommand(flags, output);
    });
}

function addBench(program: Command, output: Output): void {
  const several = (flags: string, meaning: string, choices: string[]) =>
    new Option(flags, meaning).choices(choices);
  program
    .command("bench")
    .summary("measure the engine on this machine")
    .description(
      "Measures the engine on this machine: single operations, whole steps beside PyTorch where a Python with torch is found, memory, data, overheads of the policies. What cannot be measured is told as SKIPPED.",
    )
    .argument("[suite...]", "ops, head, step, ladder, overhead, memory, data (default: all)")
    .option("--suite <name...>", "the same")
    .addOption(several("--shape <name...>", "shapes of models (default: 14m 70m)", ["tiny", "14m", "70m"]))
    .addOption(several("--dtype <name...>", "(default: float32 bfloat16)", ["float32", "bfloat16"]))
    .addOption(several("--kind <name...>", "kinds of steps (default: sft dpo mix)", ["sft", "dpo", "mix"]))
    .option("--steps <count>", "timed repetitions of everything", wholeFrom(1), 10)
    .option("--threads <count>", "0 = one per physical core", wholeFrom(0), 0)
    .option("--lora <rank>", "step: also adapters of this rank", wholeFrom(1))
    .option("--profile", "step: time, GFLOP/s, GB/s and share of every operation, without PyTorch")
    .option(
      "--data <dir>",
      "folder of real rows (default: OUTRIGHT_TEST_DATA, else rows of the same lengths)",
    )
    .option(
      "--python <path>",
      "a Python with torch and transformers (default: OUTRIGHT_PEER_PYTHON, python3)",
    )
    .option("--no-peer", "leave PyTorch out")
    .addOption(
      several(
        "--allocator <name...>",
        "PyTorch: tried with these, the fastest counts (default: all but default)",
        ["default", "glibc", "tcmalloc", "jemalloc"],
      ),
    )
    .option("--micro-batch <size...>", "PyTorch: tried with these, 0 = the whole batch (default: 0 2)", whole)
    .option("--trl", "step: TRL with its defaults too")
    .option("--out <file>", "write the results there as JSON")
    .option("--compare <file...>", "two files of results: how B differs from A, measuring nothing")
    .option("--table", "write the tables of all stored results into bench/README.md, measuring nothing")
    .addHelpText(
      "after",
      examples(
        ["outright bench step --shape 14m --steps 10 --out bench/results/step.json", ""],
        ["outright bench step --profile", "where the time of a step goes"],
        ["outright bench --compare before.json after.json", "what changed, beyond noise"],
      ),
    )
    .action(async (suites: string[], flags: BenchFlags) => {
      const { benchCommand } = await import("./commands/bench.js");
      await benchCommand(suites, flags, output);
    });
}

function addInit(program: Command, output: Output): void {
  program
    .command("init")
    .summary("write a commented config")
    .description(
      "Writes a config to start from, with every key, its default and what it means. Overwrites nothing.",
    )
    .argument("[path]", "where to", "run.yaml")
    .action(async (path: string) => {
      const { initCommand } = await import("./commands/init.js");
      initCommand(path, output);
    });
}

function addSchema(program: Command, output: Output): void {
  program
    .command("schema")
    .summary("print the config's JSON Schema")
    .description("Prints the JSON Schema of the run config: editors check and complete configs with it.")
    .action(async () => {
      const { schemaCommand } = await import("./commands/schema.js");
      schemaCommand(output);
    });
}

function addDevice(command: Command): Command {
  return command
    .option("--device <name>", "auto, cpu, cuda or cuda:N", device, "auto")
    .option("--dtype <name>", "of weights and activations: float32 or bfloat16", dtype, "float32")
    .option("--threads <count>", "0 = one per physical core", wholeFrom(0), 0);
}

/** Gives a command config keys as options: they are taken out before commander sees the rest. */
function withOverrides(
  command: Command,
  run: (operands: (string | undefined)[], overrides: Record<string, string>) => Promise<void>,
): void {
  const own = [...command.options.flatMap((option) => option.long ?? []), "--help"];
  let overrides: Record<string, string> = {};
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (args) => {
    const split = splitOverrides(args, own, command.name());
    overrides = split.overrides;
    return parse(split.rest);
  };
  command.action(async (...given: unknown[]) => {
    await run(given.slice(0, command.registeredArguments.length) as (string | undefined)[], overrides);
  });
}

function examples(...lines: [command: string, meaning: string][]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const text = lines.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}`.trimEnd());
  return `\nExamples:\n${text.join("\n")}`;
}

function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** For options with several values. */
function whole(text: string, previous: number[] | undefined): number[] {
  return [...(previous ?? []), wholeFrom(0)(text)];
}

function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    if (!/^\d+$/.test(text) || Number(text) < least)
      throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
    return Number(text);
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function device(text: string): string {
  if (!/^(auto|cpu|cuda(:\d+)?)$/.test(text))
    throw new InvalidArgumentError("It must be auto, cpu, cuda or cuda:N.");
  return text;
}

function dtype(text: string): string {
  if (text === "float16")
    throw new InvalidArgumentError("float16 is not available, use bfloat16 or float32.");
  if (text !== "float32" && text !== "bfloat16")
    throw new InvalidArgumentError("It must be float32 or bfloat16.");
  return text;
}
