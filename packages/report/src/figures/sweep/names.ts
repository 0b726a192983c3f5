/** Words for axes. */
import { title } from "../../facts.js";
import type { SweepSummary } from "../../sweep/format.js";

/** "SFT loss (nats per token)" */
export const lossName = ({ objectives }: SweepSummary, objective: string): string =>
  `${title(objective)} loss (${objectives[objective] === "sft" ? "nats per token" : "nats per pair"})`;
