/**
 * What the paper reports (arXiv 2410.15483, Figure 3): Pythia-1B, DPO first and then SFT, one seed, losses on 3 % of the training rows. Heights are
 * read off its bar charts, about ±0.01 on losses and ±1 on percentages.
 */

/** λ, the share of DPO; in sequential training the T_DPO of 6 epochs: 2, 3 and 4 (the paper's 1 and 5 are not compared) */
export const LAMBDAS = [0.25, 0.5, 0.75] as const;

/** a number for each λ */
export const PAPER = {
  idealDistance: {
    "sequential-dpo-sft": [0.92, 0.84, 0.8],
    mix: [0.21, 0.17, 0.2],
    alright: [0.5, 0.27, 0.185],
    "maxright-k10": [0.195, 0.17, 0.185],
  },
  dpoGap: {
    "sequential-dpo-sft": [0.92, 0.84, 0.8],
    mix: [0.18, 0.06, 0.005],
    alright: [0.5, 0.26, 0.13],
    "maxright-k10": [0.16, 0.11, 0.1],
  },
  /** percent more than sequential training */
  runtime: {
    mix: [17, 37, 53],
    alright: [-3, -1, 2],
    "maxright-k10": [10, 3, -5],
  },
  gpuUtilization: {
    mix: [28, 30, 34],
    alright: [1.7, 2.2, 2.4],
    "maxright-k10": [-0.5, 0.3, 2],
  },
} as const;
