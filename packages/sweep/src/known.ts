/** f*, and what a step of each objective takes, once each objective was trained alone; and the yardstick of all rows. */
import { readOptima } from "@outright/trainer";
import type { SweepConfig } from "./config.js";
import { knownFrom, makeOptima, readOptimaFile, type SingleRun } from "./optima-file.js";
import { rangesOf } from "./outcome.js";
import type { Known } from "./plan.js";
import type { RunRecord } from "./record.js";
import type { Yardstick } from "./summary.js";
import type { OnRows, OptimaFile } from "./types.js";

export interface Learnt {
  known: Known;
  /** absent where f* was given */
  file?: OptimaFile;
}

/**
 * @param singles one run for each objective, where they were needed
 * @param path of the sweep's own optima.json
 * @throws Error of one line where the optima that the config names cannot be used
 */
export function learn(sweep: SweepConfig, singles: readonly SingleRun[], key: string, path: string): Learnt {
  const perStep = Object.fromEntries(
    singles.map(({ objective, record: { costs } }) => [
      objective,
      { tokens: costs.tokens / costs.steps, seconds: costs.seconds / costs.steps },
    ]),
  );
  const { optima } = sweep;
  if (optima === "measure") {
    const file = makeOptima(singles, key, path);
    return { known: { optima: knownFrom(file, path), perStep }, file };
  }
  const names = Object.keys(sweep.base.objectives);
  if (typeof optima === "string") return { known: { optima: readOptima(optima, names), perStep } };
  const missing = names.find((name) => optima[name] === undefined);
  if (missing !== undefined) throw new Error(`optima: gives no number for ${missing}`);
  const given = names.map((name) => [name, { heldout: optima[name] as number, from: "config" }]);
  return { known: { optima: Object.fromEntries(given), perStep } };
}

/** @param records of all finished runs; any tells the losses of the model that all start from */
export function yardstickOf(
  sweep: SweepConfig,
  { known, file }: Learnt,
  singles: readonly SingleRun[],
  records: readonly RunRecord[],
): Yardstick {
  const base = (records[0] as RunRecord).base;
  const entries = Object.entries(known.optima);
  const hasTrain = base.train !== null && entries.every(([, { train }]) => train !== undefined);
  const optima: OnRows = {
    heldout: Object.fromEntries(entries.map(([name, { heldout }]) => [name, heldout])),
    train: hasTrain ? Object.fromEntries(entries.map(([name, { train }]) => [name, train as number])) : null,
  };
  const payoff = singles.length > 0 ? singles.map(({ record }) => record.losses) : payoffOf(sweep);
  const trainPayoff = payoff.flatMap(({ train }) => (train === null ? [] : [train]));
  const measured = file === undefined ? [] : Object.values(file.objectives);
  const sum = (of: (one: (typeof measured)[number]) => number) =>
    measured.reduce((total, one) => total + of(one), 0);
  return {
    optima,
    base,
    ranges: {
      heldout: rangesOf(
        optima.heldout,
        base.heldout,
        payoff.map(({ heldout }) => heldout),
      ),
      train: optima.train === null ? null : rangesOf(optima.train, base.train ?? {}, trainPayoff),
    },
    optimaCost:
      file === undefined
        ? null
        : {
            seconds: sum(({ seconds }) => seconds),
            tokens: sum(({ tokens }) => tokens),
            steps: sum(({ steps }) => steps),
          },
  };
}

/** What an optima.json that the config names tells of the runs behind it. */
function payoffOf({ optima }: SweepConfig): OnRows[] {
  const file = typeof optima === "string" ? readOptimaFile(optima) : null;
  return file === null ? [] : Object.values(file.objectives).map(({ losses }) => losses);
}
