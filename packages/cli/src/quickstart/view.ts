/** What people see while the quickstart goes: a line that lives, and one that stays for each stage that is over. */
import type { TrainEvent } from "@outright/trainer";
import { formatLosses, formatSeconds, formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";
import { Countdown } from "./countdown.js";

export interface StagePlan {
  name: string;
  /** roughly the seconds it takes on one machine; only their proportions count */
  cost: number;
}

export class QuickstartView {
  readonly #output: Output;
  readonly #isJson: boolean;
  readonly #line: LiveLine;
  readonly #stages: readonly StagePlan[];
  readonly #countdown: Countdown;
  readonly #told = new Set<string>();
  #stage = 0;
  #begun = 0;
  /** latest training loss of each objective of the present run */
  #losses: Record<string, number> = {};
  #steps = { done: 0, all: 0 };

  constructor(output: Output, isJson: boolean, stages: readonly StagePlan[]) {
    this.#output = output;
    this.#isJson = isJson;
    this.#line = new LiveLine(output);
    this.#stages = stages;
    this.#countdown = new Countdown(stages.map(({ cost }) => cost));
  }

  get stage(): string {
    return this.#stages[this.#stage]?.name ?? "";
  }

  /** "step 120 of 300" of the run that goes; empty where none does */
  get position(): string {
    const { done, all } = this.#steps;
    return done === 0 || done === all ? "" : `step ${formatWhole(done)} of ${formatWhole(all)}`;
  }

  begin(stage: number): void {
    this.#stage = stage;
    this.#begun = performance.now();
    this.#losses = {};
    this.#steps = { done: 0, all: 0 };
    this.#countdown.begin(stage);
    if (this.#isJson)
      this.#json({ type: "stage", stage: stage + 1, of: this.#stages.length, name: this.stage });
  }

  /** The stage goes on: what is being done, and how much of the whole stage. */
  progress(text: string, share: number, always = false): void {
    if (this.#isJson) return;
    const left = this.#countdown.left(share);
    const parts = [this.#head(), text, ...(left === undefined ? [] : [`${formatSeconds(left)} left`])];
    this.#line.show(parts.join("  "), always);
  }

  /** @param share of the stage that is over when the run is */
  event(event: TrainEvent, steps: number, share: number): void {
    if (this.#isJson) {
      this.#json({ run: this.stage, ...event });
      return;
    }
    switch (event.type) {
      case "progress":
        // an evaluation between steps is too short to be worth the words
        if (this.#steps.done === 0) this.progress(event.stage, 0);
        break;
      case "step": {
        if (this.#steps.done === 0 && event.step > 1) {
          this.#countdown.skip(this.#stage, (share * (event.step - 1)) / steps);
        }
        this.#steps = { done: event.step, all: steps };
        Object.assign(this.#losses, event.losses);
        const step = `step ${formatWhole(event.step).padStart(String(steps).length)}/${formatWhole(steps)}`;
        this.progress(`${step}  ${formatLosses(this.#losses)}`, (share * event.step) / steps);
        break;
      }
      case "notice":
        this.#notice(event.level, event.message);
        break;
      default:
        break;
    }
  }

  /** The stage is over. */
  done(text: string): void {
    const seconds = (performance.now() - this.#begun) / 1000;
    this.#end(text, formatSeconds(seconds));
  }

  /** The stage was over before: nothing was to do. */
  kept(text: string): void {
    this.#countdown.skip(this.#stage);
    this.#end(text, "kept");
  }

  #end(text: string, time: string): void {
    if (!this.#isJson) this.#line.keep(`${this.#head()}  ${text.padEnd(48)}  ${time.padStart(6)}`);
  }

  /** Lines that stay; nothing with --json. */
  keep(text: string): void {
    if (!this.#isJson) this.#line.keep(text);
  }

  /** A line of JSON; nothing without --json. */
  json(value: object): void {
    if (this.#isJson) this.#json(value);
  }

  stopping(signal: string): void {
    this.#line.clear();
    this.#output.err(`${signal}: saving, press again to quit at once\n`);
  }

  clear(): void {
    this.#line.clear();
  }

  #head(): string {
    const of = String(this.#stages.length);
    const names = Math.max(...this.#stages.map(({ name }) => name.length));
    return `${String(this.#stage + 1).padStart(of.length)}/${of}  ${this.stage.padEnd(names)}`;
  }

  /** Every run says which device it has; once is enough. */
  #notice(level: "info" | "warning", message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    if (level === "info") this.#line.keep(message);
    else this.#line.warn(message);
  }

  #json(value: object): void {
    this.#output.out(`${JSON.stringify(value)}\n`);
  }
}
