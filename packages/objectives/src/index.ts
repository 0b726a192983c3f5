/** @outright/objectives: log-probs in, loss and per-token gradient weights out. */
export { type DpoSettings, dpoLoss } from "./dpo.js";
export { dpoOracle, logSigmoid, type OracleLoss, sftOracle } from "./oracle.js";
export { type SftNormalisation, sftLoss, sftWeights } from "./sft.js";
