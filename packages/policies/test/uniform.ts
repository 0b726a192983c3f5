/** Counter-based uniform numbers for tests (the finaliser of murmur3 over the counter). */
export function uniform(counter: number, seed = 1): number {
  let h = Math.imul(counter, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca77);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** Losses that move as training does: the gap of the trained objective shrinks, the others are slowly forgotten; with noise. */
export class ScriptedLosses {
  readonly #optima: Readonly<Record<string, number>>;
  readonly #gaps: Record<string, number>;

  constructor(start: Readonly<Record<string, number>>, optima: Readonly<Record<string, number>>) {
    this.#optima = optima;
    this.#gaps = Object.fromEntries(
      Object.entries(start).map(([name, loss]) => [name, loss - (optima[name] as number)]),
    );
  }

  /** The loss of an objective's batch at a step, before the update. */
  at(objective: string, step: number): number {
    const noise = 0.05 * (uniform(step, objective.charCodeAt(0)) - 0.5);
    return (this.#optima[objective] as number) + (this.#gaps[objective] as number) + noise;
  }

  train(objective: string): void {
    for (const name of Object.keys(this.#gaps)) {
      const gap = this.#gaps[name] as number;
      this.#gaps[name] = name === objective ? 0.95 * gap : gap + 0.01;
    }
  }
}
