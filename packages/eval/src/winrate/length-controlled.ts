/**
 * The length-controlled win rate of AlpacaEval 2 (Dubois et al. 2024, "Length-Controlled AlpacaEval", section 3): what the
 * win rate would be if both outputs were of one length.
 *
 * A logistic regression explains the score of an instruction by θ + φ · tanh(δ/s): θ is the model against the reference,
 * δ the difference of the outputs' lengths in characters, s the standard deviation of δ over all instructions. The rate is
 * then σ(θ).
 *
 * What AlpacaEval has besides, and is left out here: the term of an instruction's difficulty, which needs a table fitted to
 * its own 805 instructions and their leaderboard; the weak pull by two baselines with gamed lengths, of that leaderboard
 * too; and its L1 penalty chosen by cross-validation, for which a small ridge stands. So the number is not one to put beside
 * theirs, but one to compare models that are judged here.
 */
import { bootstrap, type Interval, standardDeviation } from "./intervals.js";
import { fitLogistic, sigmoid } from "./logistic.js";

/** Against a few hundred instructions it moves nothing; where all are won it keeps θ finite. */
const RIDGE = 0.01;

export interface LengthControlled {
  winRate: number;
  standardError: number;
  /** 95 %, bootstrap over instructions */
  interval: Interval;
  /** φ: above 0, the judge likes the longer output */
  lengthEffect: number;
}

export interface ScoredLengths {
  /** 0 to 1, 1 where the model's output wins */
  score: number;
  /** characters */
  output: number;
  reference: number;
}

/** @returns null for fewer than two instructions */
export function lengthControlledWinRate(
  scored: readonly ScoredLengths[],
  seed: number,
): LengthControlled | null {
  if (scored.length < 2) return null;
  const [theta, phi] = fitOf(scored);
  const { interval, standardError } = bootstrap(
    scored.length,
    (indices) => sigmoid(fitOf(Array.from(indices, (i) => scored[i] as ScoredLengths))[0]),
    { seed },
  );
  return { winRate: sigmoid(theta), standardError, interval, lengthEffect: phi };
}

/** θ and φ. Where all differences are the same length says nothing, and φ is 0. */
function fitOf(scored: readonly ScoredLengths[]): [theta: number, phi: number] {
  const differences = scored.map(({ output, reference }) => output - reference);
  const spread = standardDeviation(differences);
  const x = differences.map((difference) => [1, spread > 0 ? Math.tanh(difference / spread) : 0]);
  return fitLogistic(
    x,
    scored.map(({ score }) => score),
    RIDGE,
  ) as [number, number];
}
