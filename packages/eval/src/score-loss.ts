/** The loss that scored pairs are given: any of training's, with its settings; and what is refused beside it. */
import {
  completeLoss,
  type GivenLoss,
  type LossSetting,
  lossProblems,
  PREFERENCE_LOSSES,
  type PreferenceLoss,
  type PreferenceLossName,
  usesReference,
} from "@outright/objectives";

/** Settings of the loss of pairs, as in a run's config; none given: DPO's own, where there is a reference. */
export interface ScoreLossOptions extends GivenLoss {
  /** directory of the reference model, for pairs; without it there are margins and losses of reference-free losses only */
  reference?: string;
}

const FLAGS: Readonly<Record<"loss" | LossSetting, string>> = {
  loss: "--loss",
  beta: "--beta",
  nll: "--nll",
  labelSmoothing: "--label-smoothing",
  lengthNormalised: "--length-normalised",
  margin: "--margin",
  marginScale: "--margin-scale",
};

/**
 * The loss to compute; null where none is asked for.
 * @throws one line naming an option that cannot be heeded
 */
export function scoreLoss(options: ScoreLossOptions & { format: string }): PreferenceLoss | null {
  const { format, reference, loss: name = "sigmoid" } = options;
  const given = (Object.keys(FLAGS) as (keyof typeof FLAGS)[]).filter((key) => options[key] !== undefined);
  const first = given[0] === undefined ? "--reference" : FLAGS[given[0]];
  if (format !== "pairs" && format !== "hh") {
    if (given.length === 0 && reference === undefined) return null;
    throw new Error(
      `${first}: format ${format} holds no pairs, and only those have such a loss; leave it out`,
    );
  }
  const [problem] = lossProblems(options);
  if (problem !== undefined) throw new Error(`${FLAGS[problem.setting]}: ${problem.message}`);
  if (reference !== undefined && !usesReference(name)) {
    throw new Error(`--reference: loss ${name} compares with no reference; leave it out`);
  }
  if (reference === undefined && usesReference(name)) {
    if (given.length === 0) return null;
    const free = PREFERENCE_LOSSES.filter((other: PreferenceLossName) => !usesReference(other)).join(" or ");
    throw new Error(
      `${first}: loss ${name} compares with a reference model; give --reference, or take loss ${free}`,
    );
  }
  return completeLoss(options);
}
