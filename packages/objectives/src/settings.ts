/** Which losses a preference objective may have, what each is set by, and whether it compares with a reference. */

export const PREFERENCE_LOSSES = ["sigmoid", "ipo", "hinge", "robust", "mmpo", "simpo", "orpo"] as const;
export type PreferenceLossName = (typeof PREFERENCE_LOSSES)[number];

interface Common {
  /** above 0: what log-probs are multiplied by to give rewards; ipo: τ of the paper; orpo: λ, the weight of the odds ratio */
  beta: number;
  /** weight of the mean −log-prob of a chosen token that is added, 0 or more */
  nll: number;
}
interface Smoothed {
  /** ε, the share of pairs taken to be the wrong way round, in [0, 0.5) */
  labelSmoothing: number;
}
interface Normalisable {
  /** whether log-ratios are means over an answer's tokens instead of sums */
  lengthNormalised: boolean;
}

/** A loss and all of its settings. */
export type PreferenceLoss = Common &
  (
    | ({ loss: "sigmoid" | "robust" } & Smoothed & Normalisable)
    | ({ loss: "ipo" | "hinge" } & Normalisable)
    | ({
        loss: "mmpo";
        /** γ: what a row's quality margin is multiplied by, above 0 */
        marginScale: number;
      } & Normalisable)
    | {
        loss: "simpo";
        /** γ: how far the chosen answer's reward is to be ahead, 0 or more */
        margin: number;
      }
    | { loss: "orpo" }
  );

type KeysOf<Union> = Union extends unknown ? keyof Union : never;
export type LossSetting = Exclude<KeysOf<PreferenceLoss>, "loss">;

/** What may be given of a loss; the rest has defaults. */
export type GivenLoss = {
  loss?: PreferenceLossName | undefined;
  lengthNormalised?: boolean | undefined;
} & { [Setting in Exclude<LossSetting, "lengthNormalised">]?: number | undefined };

interface Traits {
  usesReference: boolean;
  /** the settings that it has, with their defaults; null where one must be given */
  settings: Readonly<Partial<Record<LossSetting, number | boolean | null>>>;
}

const TRAITS: Readonly<Record<PreferenceLossName, Traits>> = {
  sigmoid: {
    usesReference: true,
    settings: { beta: 0.1, nll: 0, labelSmoothing: 0, lengthNormalised: false },
  },
  ipo: { usesReference: true, settings: { beta: 0.1, nll: 0, lengthNormalised: true } },
  hinge: { usesReference: true, settings: { beta: 0.1, nll: 0, lengthNormalised: false } },
  robust: {
    usesReference: true,
    settings: { beta: 0.1, nll: 0, labelSmoothing: null, lengthNormalised: false },
  },
  mmpo: {
    usesReference: true,
    settings: { beta: 0.1, nll: 0, marginScale: 1, lengthNormalised: false },
  },
  simpo: { usesReference: false, settings: { beta: 2, nll: 0, margin: 1 } },
  orpo: { usesReference: false, settings: { beta: 0.1, nll: 1 } },
};

/** Whether log-probs under a reference enter a loss. */
export const usesReference = (loss: PreferenceLossName): boolean => TRAITS[loss].usesReference;

/** What is wrong with the settings of a loss beyond their ranges, by setting: one that it does not have, or one that is missing. */
export function lossProblems(given: GivenLoss): { setting: LossSetting; message: string }[] {
  const loss = given.loss ?? "sigmoid";
  const problems: { setting: LossSetting; message: string }[] = [];
  for (const setting of Object.keys(OWNERS) as LossSetting[]) {
    const value = TRAITS[loss].settings[setting];
    if (value === undefined && given[setting] !== undefined) {
      const message = `loss ${loss} has no such setting, it belongs to ${OWNERS[setting].join(", ")}; leave it out`;
      problems.push({ setting, message });
    }
    if (value === null && given[setting] === undefined) {
      const message = `missing; loss ${loss} needs the share of pairs that are the wrong way round, 0 or more and below 0.5`;
      problems.push({ setting, message });
    }
  }
  return problems;
}

/** A loss with the defaults of what is not given. `lossProblems` must have found nothing. */
export function completeLoss(given: GivenLoss): PreferenceLoss {
  const loss = given.loss ?? "sigmoid";
  const settings = Object.entries(TRAITS[loss].settings).map(([setting, standard]) => [
    setting,
    given[setting as LossSetting] ?? standard,
  ]);
  return { loss, ...Object.fromEntries(settings) } as PreferenceLoss;
}

/** The losses that have each setting. */
const OWNERS = Object.fromEntries(
  (["beta", "nll", "labelSmoothing", "lengthNormalised", "margin", "marginScale"] as const).map((setting) => [
    setting,
    PREFERENCE_LOSSES.filter((loss) => TRAITS[loss].settings[setting] !== undefined),
  ]),
) as Record<LossSetting, PreferenceLossName[]>;
