/** From losses and f* to gaps and distances. */
import type { Outcome } from "./types.js";

/**
 * gap_i = f_i − f_i*, ideal distance √Σ gap² (paper, section 3), and the same in units of each objective's range: the paper's
 * distance adds nats of a token mean to nats of a pair, and so weighs the objectives by their scales. The paper's counts a loss
 * below f_i* as far as one above it; the scaled one counts it as no gap.
 */
export function outcome(
  losses: Readonly<Record<string, number>>,
  optima: Readonly<Record<string, number>>,
  ranges: Readonly<Record<string, number>>,
): Outcome {
  const names = Object.keys(losses);
  const gaps = Object.fromEntries(
    names.map((name) => [name, (losses[name] as number) - (optima[name] ?? 0)]),
  );
  const scaledGaps = Object.fromEntries(
    names.map((name) => [name, (gaps[name] as number) / (ranges[name] ?? 1)]),
  );
  return {
    losses: { ...losses },
    gaps,
    idealDistance: Math.hypot(...Object.values(gaps)),
    scaledGaps,
    scaledDistance: Math.hypot(...Object.values(scaledGaps).map((gap) => Math.max(0, gap))),
  };
}

/**
 * From f_i* to what the other objective alone leaves (the nadir of the payoff table); where that is not known, or no worse than f_i*,
 * to the loss of the model that all start from.
 */
export function rangesOf(
  optima: Readonly<Record<string, number>>,
  base: Readonly<Record<string, number>>,
  payoff: readonly Readonly<Record<string, number>>[],
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(optima).map(([name, optimum]) => {
      const worst = Math.max(...payoff.map((losses) => losses[name] ?? Number.NEGATIVE_INFINITY));
      const range = worst > optimum ? worst - optimum : (base[name] ?? optimum + 1) - optimum;
      return [name, range > 0 ? range : 1];
    }),
  );
}
