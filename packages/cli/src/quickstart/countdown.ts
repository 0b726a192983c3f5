/** How long a list of stages will still take, from what they cost on one machine and how fast this one has been. */
export class Countdown {
  readonly #costs: number[];
  readonly #now: () => number;
  readonly #begun: number;
  #stage = 0;

  /** @param costs of the stages, in one unit of time; `now` in seconds */
  constructor(costs: readonly number[], now: () => number = () => performance.now() / 1000) {
    this.#costs = [...costs];
    this.#now = now;
    this.#begun = now();
  }

  begin(stage: number): void {
    this.#stage = stage;
  }

  /** A stage, or a share of it, that was there already: it tells nothing of the speed. */
  skip(stage: number, share = 1): void {
    this.#costs[stage] = (this.#costs[stage] as number) * (1 - share);
  }

  /** Seconds, once `share` of the present stage is done; undefined where it is too early to say. */
  left(share: number): number | undefined {
    const sum = (costs: number[]): number => costs.reduce((total, cost) => total + cost, 0);
    const done = sum(this.#costs.slice(0, this.#stage)) + share * (this.#costs[this.#stage] ?? 0);
    const all = sum(this.#costs);
    const elapsed = this.#now() - this.#begun;
    return done < all / 50 || elapsed < 1 ? undefined : ((all - done) * elapsed) / done;
  }
}
