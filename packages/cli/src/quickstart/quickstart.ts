/**
 * `outright quickstart`: the main job on an embedded default. A world, a tokenizer and a base model are made; each
 * objective is trained alone, which gives f*; then both are trained in the five ways that are compared, each from the
 * same base and for as many steps. Every model answers the held-out questions. A table and a report close it.
 *
 * Whatever is finished is kept: stopped or killed at any moment, it goes on where it was, to the same bits.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { replaceDirectory, temporaryPath, writeFileAtomic } from "@outright/checkpoint";
import { type MetricsLine, parseConfig, type RunConfigInput } from "@outright/trainer";
import { writeBaseDirectory } from "../blank-model/blank-model.js";
import { trainTokenizer } from "../blank-model/tokenizer-maker.js";
import { onStopSignals } from "../commands/signals.js";
import { startEngine } from "../engine/host.js";
import { finishedSteps } from "../engine/resume.js";
import { formatWhole } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";
import { wrap } from "../terminal/wrap.js";
import { readAnswers, startAsking, writeAnswers } from "./ask.js";
import { openDirectory } from "./directory.js";
import { byDistance, evaluations, type Measured } from "./findings.js";
import { gradeAll } from "./grade.js";
import {
  BUDGET,
  baseRun,
  METHODS,
  methodRun,
  type Optima,
  type QuickstartPaths,
  SINGLES,
  type SingleName,
  singleRun,
  stageCosts,
} from "./plan.js";
import { type Settings, settingsFor } from "./settings.js";
import { makeResults, optimum, printTable, type Results } from "./table.js";
import { QuickstartView } from "./view.js";
import { makeWorld, type Question } from "./world.js";
import { allTexts, writeWorld } from "./world-files.js";

export interface QuickstartOptions {
  /** directory; made where it is missing */
  out: string;
  /** of the world, the base model and every run */
  seed: number;
  /** start over where there is a quickstart already */
  fresh?: boolean;
  /** events as JSON lines, and the results as the last */
  json?: boolean;
  /** the same way with a budget of seconds; the numbers then mean nothing */
  fast?: boolean;
}

/** Thrown where a signal asked to leave, after everything was saved. */
class Stopped extends Error {}

/** @returns the exit code: 0, or 128 + the signal's number where it was stopped */
export async function runQuickstart(
  options: QuickstartOptions,
  output: Output,
  settings: Settings = settingsFor({ seed: options.seed, fast: options.fast === true }),
): Promise<number> {
  const paths = openDirectory(resolve(options.out), settings, options.fresh === true);
  const stages = Object.entries(stageCosts(settings.budget)).map(([name, cost]) => ({ name, cost }));
  const view = new QuickstartView(output, options.json === true, stages);
  const quickstart = new Quickstart(paths, settings, view);
  const signals = onStopSignals((name) => {
    view.stopping(name);
    quickstart.stop();
  });
  const here = (path: string): string => pathFrom(process.cwd(), path);
  try {
    const width = Math.min(output.width(), 100);
    const opening = `quickstart in ${here(paths.root)}, ${stages.length} stages. For each model: its held-out losses, the share of allowed questions it answers right, and of forbidden ones it refuses.`;
    view.keep(wrap(opening, width, "", ""));
    const { results, optima, measured, isNew } = await quickstart.go();
    view.json({ type: "results", results, report: paths.report });
    view.keep(isNew ? "" : `\nThis quickstart was complete already; add --fresh to start over.\n`);
    view.keep(closingText(results, width));
    const best = byDistance(measured, optima)[0]?.name ?? METHODS[0];
    view.keep(`\n${whereThingsAre(paths, join(paths.root, best, "model"), quickstart.questions, here)}`);
    return signals.exitCode();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    const where = [`stage ${view.stage}`, view.position].filter(Boolean).join(", ");
    view.keep(`stopped in ${where}; the same command goes on`);
    return signals.exitCode();
  } finally {
    signals.dispose();
    view.clear();
  }
}

class Quickstart {
  readonly #paths: QuickstartPaths;
  readonly #settings: Settings;
  readonly #view: QuickstartView;
  questions: Question[] = [];
  #isNew = false;
  #isStopped = false;
  /** asks what is going on to save and leave */
  #stopWork: () => void = () => {};

  constructor(paths: QuickstartPaths, settings: Settings, view: QuickstartView) {
    this.#paths = paths;
    this.#settings = settings;
    this.#view = view;
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopWork();
  }

  async go(): Promise<{ results: Results; optima: Optima; measured: Measured[]; isNew: boolean }> {
    const { seed, budget } = this.#settings;
    const paths = this.#paths;
    let stage = 0;
    await this.#begin(stage++);
    await this.#makeWorld();

    const measured: Measured[] = [];
    const run = async (name: string, config: RunConfigInput): Promise<Measured> => {
      await this.#begin(stage++);
      const one = await this.#train(name, config);
      measured.push(one);
      return one;
    };
    const base = await run("base", baseRun(paths, seed, budget));
    const optima: Optima = { sft: Number.NaN, dpo: Number.NaN };
    for (const name of Object.keys(SINGLES) as SingleName[]) {
      const { lines } = await run(name, singleRun(paths, name, seed, budget));
      optima[SINGLES[name]] = optimum(lines, SINGLES[name]);
      // every run evaluates the base before its first step
      base.lines = evaluations(lines).slice(0, 1);
    }
    for (const name of METHODS) await run(name, methodRun(paths, name, seed, optima, budget));

    await this.#begin(stage);
    const results = makeResults(measured, optima, {
      allowed: this.questions.filter(({ kind }) => kind !== "forbidden").length,
      forbidden: this.questions.filter(({ kind }) => kind === "forbidden").length,
    });
    if (budget.steps < BUDGET.steps) results.notes.unshift(TOO_FEW);
    await this.#report(results);
    return { results, optima, measured, isNew: this.#isNew };
  }

  async #begin(stage: number): Promise<void> {
    // a turn of the event loop, so that a signal is heard between stages too
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#isStopped) throw new Stopped();
    this.#view.begin(stage);
  }

  async #makeWorld(): Promise<void> {
    const { world: options, vocabulary, shape } = this.#settings;
    const { world: folder, blank } = this.#paths;
    const isThere = existsSync(folder) && existsSync(blank);
    if (!isThere) {
      this.#isNew = true;
      this.#view.progress("making up facts, instructions and preferences", 0, true);
      const world = makeWorld(options);
      await complete(folder, (path) => writeWorld(path, world));
      const tokenizer = trainTokenizer(allTexts(world), vocabulary);
      await complete(blank, (path) => writeBaseDirectory(path, tokenizer, shape));
    }
    this.questions = readRows<Question>(join(folder, "questions.jsonl"));
    const rows = (name: string): string => formatWhole(readRows(join(folder, name)).length);
    const text = `${rows("sft.train.jsonl")} instructions, ${rows("dpo.train.jsonl")} preference pairs`;
    if (isThere) this.#view.kept(text);
    else this.#view.done(text);
  }

  /** One run, from where it stands to its answers. */
  async #train(name: string, input: RunConfigInput): Promise<Measured> {
    const config = parseConfig(input);
    const answersPath = join(this.#paths.answers, `${name}.jsonl`);
    let isKept = true;
    if (this.#finishedSteps(config) === undefined) {
      isKept = false;
      rmSync(answersPath, { force: true });
      const engine = startEngine(config, {
        resume: existsSync(join(config.out, "config.yaml")),
        report: false,
        onEvent: (event) => this.#view.event(event, config.steps, TRAINING),
      });
      if ((await this.#stoppable(engine)).reason === "stopped") throw new Stopped();
    }
    let answers = readAnswers(answersPath, this.questions);
    if (answers === undefined) {
      isKept = false;
      answers = await this.#ask(join(config.out, "model"), answersPath);
    }
    const lines = readRows<MetricsLine>(join(config.out, "metrics.jsonl"));
    const marks = gradeAll(this.questions, answers);
    const text = stageText(name, lines, marks);
    if (isKept) this.#view.kept(text);
    else {
      this.#isNew = true;
      this.#view.done(text);
    }
    return { name, lines, marks };
  }

  #finishedSteps(config: ReturnType<typeof parseConfig>): number | undefined {
    try {
      return finishedSteps(config);
    } catch {
      throw new Error(
        `${config.out}: was made with another config than this version's; add --fresh to start over, or choose another directory with --out`,
      );
    }
  }

  async #ask(model: string, path: string): Promise<string[]> {
    const asking = startAsking(
      { model, prompts: this.questions.map(({ prompt }) => prompt), maxTokens: this.#settings.answerTokens },
      (done, total) =>
        this.#view.progress(`answering: ${done}/${total}`, TRAINING + ((1 - TRAINING) * done) / total),
    );
    const answers = await this.#stoppable(asking);
    if (answers === "stopped") throw new Stopped();
    mkdirSync(this.#paths.answers, { recursive: true });
    writeAnswers(path, this.questions, answers);
    return answers;
  }

  async #report(results: Results): Promise<void> {
    const { results: path, report, root } = this.#paths;
    const text = `${JSON.stringify(results, null, 2)}\n`;
    const isThere = existsSync(report) && existsSync(path) && readFileSync(path, "utf8") === text;
    if (!isThere) {
      this.#isNew = true;
      this.#view.progress("drawing", 0, true);
      rmSync(report, { force: true });
      writeFileAtomic(path, text);
      const runs = [...Object.keys(SINGLES), ...METHODS].map((name) => join(root, name));
      const { renderReport } = await import("@outright/report");
      await renderReport({
        runs,
        out: report,
        summary: path,
        title: "Outright quickstart: SFT and DPO on one small model",
      });
    }
    if (isThere) this.#view.kept("table and figures");
    else this.#view.done("table and figures");
  }

  /** Waits for work that `stop` can end early. */
  async #stoppable<Result>(work: { result: Promise<Result>; stop(): void }): Promise<Result> {
    this.#stopWork = () => work.stop();
    if (this.#isStopped) work.stop();
    try {
      return await work.result;
    } finally {
      this.#stopWork = () => {};
    }
  }
}

const TOO_FEW =
  "Made with --fast, in far too few steps for these numbers to mean anything; the same goes for what is said of them here.";

/** Share of a run's time that training takes; the rest goes into its answers. */
const TRAINING = 0.97;

/** A directory that is there complete or not at all. */
async function complete(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryPath(path);
  rmSync(temporary, { recursive: true, force: true });
  await write(temporary);
  replaceDirectory(temporary, path);
}

/** Rows of a JSONL file; a last line that was cut short is left out. */
function readRows<Row>(path: string): Row[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Row);
}

function stageText(name: string, lines: readonly MetricsLine[], marks: Measured["marks"]): string {
  const said = `right ${percent(marks.rightAnswers)}  refused ${percent(marks.rightRefusals)}`;
  const losses = evaluations(lines).at(-1)?.losses ?? {};
  const told = Object.entries(losses).map(([objective, loss]) => `${objective} ${loss.toFixed(3)}`);
  return `${(name === "base" ? told.slice(0, 1) : told).map((text) => text.padEnd(9)).join("  ")}  ${said}`;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`.padStart(5);

function closingText(results: Results, width: number): string {
  const notes = results.notes.map((note) => wrap(note, width, "• ", "  "));
  return [results.title, "", printTable(results, width), "", ...notes].join("\n");
}

/** Relative where that is shorter and below, else absolute. */
function pathFrom(folder: string, path: string): string {
  const short = relative(folder, path);
  return short === "" || short === ".." || short.startsWith(`..${sep}`) ? path : short;
}

function whereThingsAre(
  paths: QuickstartPaths,
  model: string,
  questions: readonly Question[],
  here: (path: string) => string,
): string {
  const asked = questions.find(({ kind }) => kind === "forbidden")?.prompt ?? "What is 2 + 3?";
  const root = here(paths.root);
  return [
    `data       ${join(root, "world")}: what was taught and asked, as JSON lines`,
    `answers    ${join(root, "answers")}: what each model said`,
    `models     ${join(root, "NAME", "model")}: Hugging Face directories`,
    `configs    ${join(root, "NAME", "config.yaml")}: what it was trained with`,
    "",
    "Ask a model something:",
    `  npx outright generate --model ${here(model)} \\`,
    `    --template clean --prompt "${asked}"`,
    "Train on your own data:",
    "  npx outright init run.yaml     # then fill in the model and the data",
    "  npx outright train run.yaml",
    "",
    `Report: ${here(paths.report)}, opened with one click:`,
    `  ${pathToFileURL(paths.report).href}`,
  ].join("\n");
}
