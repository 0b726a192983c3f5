/**
 * The failure that preference training is known for: the margin grows while the log-prob of the *chosen* answers
 * falls, so probability moves to answers that nobody prefers.
 */
import type { LogpSeries } from "./series.js";

export interface ChosenFalls {
  /** steps between which the chosen log-prob is below its start while the margin is above its own */
  from: number;
  to: number;
  /** nats per answer that the chosen log-prob lost at its lowest inside that span */
  fall: number;
  /** nats that the margin (chosen − rejected) gained there */
  growth: number;
}

/** A fall below this share of the first value (and below a nat) is taken for noise. */
const NOISE_SHARE = 0.02;

/** The longest stretch in which chosen falls while the margin grows, both against the run's first value. */
export function chosenFalls(series: LogpSeries): ChosenFalls | undefined {
  const rows = series.rows.filter((row) => Number.isFinite(row.chosen) && Number.isFinite(row.rejected));
  const first = rows[0];
  if (first === undefined || rows.length < 3) return undefined;
  const noise = Math.max(1, NOISE_SHARE * Math.abs(first.chosen));
  let best: ChosenFalls | undefined;
  let current: ChosenFalls | undefined;
  for (const row of rows.slice(1)) {
    const fall = first.chosen - row.chosen;
    const growth = row.chosen - row.rejected - (first.chosen - first.rejected);
    if (fall > noise && growth > 0) {
      current ??= { from: row.step, to: row.step, fall, growth };
      current.to = row.step;
      if (fall > current.fall) {
        current.fall = fall;
        current.growth = growth;
      }
      if (best === undefined || current.to - current.from >= best.to - best.from) best = current;
    } else {
      current = undefined;
    }
  }
  return best;
}
