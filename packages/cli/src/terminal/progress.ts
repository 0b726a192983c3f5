/** A run's events for people. Start, evaluations and notices stay; steps and stages overwrite one another. */
import { basename } from "node:path";
import type { EvalEvent, ProgressEvent, StartEvent, StepEvent, TrainEvent } from "@outright/trainer";
import { formatCount, formatLosses, formatSeconds, formatWhole } from "./format.js";
import { LiveLine } from "./live-line.js";
import type { Output } from "./output.js";

/** Rate and remaining time are means over this many of the latest steps. */
const WINDOW = 50;

export class ProgressView {
  readonly line: LiveLine;
  readonly #recent: StepEvent[] = [];
  /** latest training loss of each objective */
  readonly #losses: Record<string, number> = {};
  readonly #steps: number;
  readonly #objectives: readonly string[];
  readonly #now: () => number;
  /** where each stage stood when it was first told */
  readonly #stages = new Map<string, { done: number; at: number }>();
  /** stages that go on while steps run */
  readonly #beside = new Map<string, string>();
  #step = 0;

  /** @param objectives losses are shown in this order; `now` in seconds */
  constructor(
    output: Output,
    run: { steps: number; objectives: readonly string[] },
    now: () => number = () => performance.now() / 1000,
  ) {
    this.#now = now;
    this.line = new LiveLine(output, now);
    this.#steps = run.steps;
    this.#objectives = run.objectives;
  }

  /** Updates made so far. */
  get step(): number {
    return this.#step;
  }

  show(event: TrainEvent): void {
    switch (event.type) {
      case "start":
        this.line.keep(startLines(event));
        break;
      case "progress":
        this.#preparing(event);
        break;
      case "step":
        this.#trained(event);
        break;
      case "eval":
        this.#step = event.step;
        // what was measured on plain text alone is in metrics.jsonl and the report
        if (Object.keys(event.losses).length > 0) this.line.keep(evalLine(event));
        break;
      case "notice":
        if (event.level === "info") this.line.keep(event.message);
        else this.line.warn(event.message);
        break;
      case "end":
        this.line.clear();
        break;
    }
  }

  #preparing(event: ProgressEvent): void {
    const share = event.total > 0 ? ` ${Math.min(100, Math.floor((100 * event.done) / event.total))}%` : "";
    const isNew = !this.#stages.has(event.stage) && !event.stage.startsWith("evaluating");
    const text = `${event.stage}${share}`;
    if (this.#recent.length > 0 && event.unit !== undefined) {
      // Steps have begun: the line is theirs, and tells what else goes on.
      if (event.done < event.total) this.#beside.set(event.stage, text);
      else this.#beside.delete(event.stage);
      return;
    }
    this.line.show(`${text}${this.#rate(event)}`, isNew);
  }

  /** How fast a stage has gone since it was first told, and how long it will take at that rate. */
  #rate({ stage, done, total, unit }: ProgressEvent): string {
    const now = this.#now();
    const first = this.#stages.get(stage);
    if (first === undefined) this.#stages.set(stage, { done, at: now });
    if (first === undefined || unit === undefined || done <= first.done || now <= first.at) return "";
    const rate = (done - first.done) / (now - first.at);
    const left = done < total ? `  ${formatSeconds((total - done) / rate)} left` : "";
    return `  ${formatCount(rate)} ${unit}/s${left}`;
  }

  #trained(event: StepEvent): void {
    this.#step = event.step;
    Object.assign(this.#losses, event.losses);
    this.#recent.push(event);
    if (this.#recent.length > WINDOW) this.#recent.shift();
    this.line.show(this.#stepLine(event), event.step === this.#steps);
  }

  #inOrder(): Record<string, number> {
    const known = this.#objectives.filter((name) => Object.hasOwn(this.#losses, name));
    return Object.fromEntries(known.map((name) => [name, this.#losses[name] as number]));
  }

  #stepLine(event: StepEvent): string {
    const seconds = sum(this.#recent.map((step) => step.seconds));
    const tokens = sum(this.#recent.map((step) => step.tokens));
    const left = ((this.#steps - event.step) * seconds) / this.#recent.length;
    const parts = [
      `step ${formatWhole(event.step)}/${formatWhole(this.#steps)}`,
      formatLosses(this.#inOrder()),
      `${formatCount(tokens / seconds)} tokens/s`,
    ];
    if (event.step < this.#steps) parts.push(`${formatSeconds(left)} left`);
    parts.push(...this.#beside.values());
    return parts.join("  ");
  }
}

function startLines(event: StartEvent): string {
  const lines = [`${formatCount(event.parameters)} parameters from ${event.model}, on ${event.device}`];
  for (const [name, { kind, data, rows, held }] of Object.entries(event.objectives)) {
    const heldOut = held > 0 ? `, ${formatWhole(held)} held out` : "";
    lines.push(`${name}: ${kind}, ${formatWhole(rows)} rows of ${basename(data)}${heldOut}`);
  }
  lines.push(`policy ${String(event.policy.name)}, ${formatWhole(event.steps)} steps`);
  return lines.join("\n");
}

function evalLine(event: EvalEvent): string {
  const gaps = event.gaps === undefined ? "" : `  gaps ${formatLosses(event.gaps)}`;
  const distance =
    event.idealDistance === undefined ? "" : `  ideal distance ${event.idealDistance.toFixed(4)}`;
  return `step ${formatWhole(event.step)} held-out  ${formatLosses(event.losses)}${gaps}${distance}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
