/** @outright/objectives: log-probs in, loss and per-token gradient weights out. */
export { type DpoSettings, dpoLoss } from "./dpo.js";
export { logSigmoid } from "./logistic.js";
export { dpoOracle, type OracleLoss, sftOracle } from "./oracle.js";
export { type Answer, type Pair, type PairLoss, pairLoss } from "./pair.js";
export { type PairCounts, type PairFacts, partOf, preferenceLoss } from "./preference.js";
export {
  completeLoss,
  type GivenLoss,
  type LossSetting,
  lossProblems,
  PREFERENCE_LOSSES,
  type PreferenceLoss,
  type PreferenceLossName,
  usesReference,
} from "./settings.js";
export { type SftNormalisation, sftLoss, sftWeights } from "./sft.js";
