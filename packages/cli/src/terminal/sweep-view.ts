/** What people see while a sweep goes: a line that lives, and one that stays for each run that is over. */
import type { SweepEvent, SweepRow } from "@outright/sweep";
import type { TrainEvent } from "@outright/trainer";
import { formatLosses, formatSeconds, formatWhole } from "./format.js";
import { LiveLine } from "./live-line.js";
import type { Output } from "./output.js";

interface Going {
  label: string;
  /** null where a budget ends it */
  steps: number | null;
  /** share that is over, 0 to 1; where it stood when this session began */
  share: number;
  begun: number;
  losses: Record<string, number>;
}

export class SweepView {
  readonly #output: Output;
  readonly #isJson: boolean;
  readonly #line: LiveLine;
  readonly #now: () => number;
  readonly #going = new Map<string, Going>();
  readonly #told = new Set<string>();
  #runs = 0;
  #done = 0;
  /** of this session */
  #finished = 0;
  #wallSeconds = 0;

  /** `now` in seconds */
  constructor(output: Output, isJson: boolean, now: () => number = () => performance.now() / 1000) {
    this.#output = output;
    this.#isJson = isJson;
    this.#line = new LiveLine(output, now);
    this.#now = now;
  }

  readonly show = (event: SweepEvent): void => {
    if (this.#isJson) this.#output.out(`${JSON.stringify(event)}\n`);
    else this.#tell(event);
  };

  #tell(event: SweepEvent): void {
    switch (event.type) {
      case "plan":
        this.#runs = event.runs;
        this.#done = event.done;
        this.#line.keep(
          `${formatWhole(event.runs)} runs${event.done > 0 ? `, ${formatWhole(event.done)} of them finished before` : ""}`,
        );
        break;
      case "begin": {
        const { label, lambda, seed } = event.run;
        const name = `${label}${lambda === null ? "" : ` λ ${lambda}`} seed ${seed}`;
        this.#going.set(event.run.id, {
          label: name,
          steps: event.steps,
          share: 0,
          begun: this.#now(),
          losses: {},
        });
        this.#line.show(this.#head(name), true);
        break;
      }
      case "run":
        this.#inRun(event.id, event.event);
        break;
      case "row":
        this.#over(event.row, event.done, event.wallSeconds);
        break;
      case "optima":
        this.#line.keep(`f*  ${formatLosses(event.heldout)}`);
        break;
      case "notice":
        if (event.level === "warning") this.#line.warn(event.message);
        else this.#line.keep(event.message);
        break;
    }
  }

  #inRun(id: string, event: TrainEvent): void {
    const going = this.#going.get(id);
    if (going === undefined) return;
    if (event.type === "notice" && event.level === "warning" && !this.#told.has(event.message)) {
      this.#told.add(event.message);
      this.#line.warn(event.message);
    } else if (event.type === "progress") this.#line.show(`${this.#head(going.label)}  ${event.stage}`);
    else if (event.type === "step") {
      if (going.steps !== null) going.share = event.step / going.steps;
      Object.assign(going.losses, event.losses);
      const step = going.steps === null ? `step ${event.step}` : `step ${event.step}/${going.steps}`;
      const left = this.#left();
      const parts = [this.#head(going.label), step, formatLosses(going.losses)];
      if (left !== undefined) parts.push(`${formatSeconds(left)} left`);
      this.#line.show(parts.join("  "));
    }
  }

  #over(row: SweepRow, done: number, wallSeconds: number): void {
    const going = this.#going.get(row.id);
    this.#going.delete(row.id);
    this.#done = done;
    this.#finished++;
    this.#wallSeconds += wallSeconds;
    const name = (going?.label ?? row.id).padEnd(34);
    if (row.status === "failed") {
      this.#line.warn(`${this.#count()}  ${name}  failed: ${row.error}`);
      return;
    }
    const { losses, idealDistance } = row.heldout;
    this.#line.keep(
      `${this.#count()}  ${name}  ${formatLosses(losses)}  distance ${idealDistance.toFixed(4)}  ${formatSeconds(wallSeconds)}`,
    );
  }

  /** Seconds left, if the runs to come take as long as those of this session did, on average. */
  #left(): number | undefined {
    if (this.#finished === 0) return undefined;
    const each = this.#wallSeconds / this.#finished;
    const going = [...this.#going.values()].reduce((sum, { share }) => sum + Math.min(1, share), 0);
    return ((this.#runs - this.#done - going) * each) / Math.max(1, this.#going.size);
  }

  #head = (name: string): string => `${this.#count()}  ${name}`;

  #count = (): string => `${String(this.#done).padStart(String(this.#runs).length)}/${this.#runs}`;

  /** Lines that stay; nothing with --json. */
  keep(text: string): void {
    if (!this.#isJson) this.#line.keep(text);
  }

  /** A line of JSON; nothing without --json. */
  json(value: object): void {
    if (this.#isJson) this.#output.out(`${JSON.stringify(value)}\n`);
  }

  warn(text: string): void {
    this.#line.warn(text);
  }

  stopping(signal: string): void {
    this.#line.clear();
    this.#output.err(`${signal}: saving, press again to quit at once\n`);
  }

  clear(): void {
    this.#line.clear();
  }
}
