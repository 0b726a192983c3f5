/** What `outright theory` computes, as plain JSON: `theory.json`, from which the report draws. */
import type { Instance } from "./instance.js";
import type { Order } from "./sequential-bound.js";

export type Method = "sequential" | "mix" | "alright" | "maxright";

/** A place in the parameter plane with its gaps f - f* there, in nats. */
export interface Place {
  x: number;
  y: number;
  sftGap: number;
  dpoGap: number;
  /** of F = lambda f_DPO + (1 - lambda) f_SFT */
  mixtureGap: number;
}

export interface TheoryResult {
  kind: "outright-theory";
  version: 1;
  /** null for the built-in example */
  seed: number | null;
  instance: Instance;
  /** alpha_t = stepScale / sqrt(t) in the curves; pathStepScale / sqrt(t) in the paths, so small that single steps hardly show. */
  stepScale: number;
  pathStepScale: number;
  marks: { start: Place; sft: Place; dpo: Place; mixture: Place; minMax: Place };
  /** Minimisers of weight f_DPO + (1 - weight) f_SFT, from the SFT optimum to the DPO optimum. */
  front: (Place & { weight: number })[];
  /** Both gaps on a grid over the part of the plane that is drawn, row by row from the lowest y. */
  grid: {
    x: [number, number];
    y: [number, number];
    columns: number;
    rows: number;
    sft: number[];
    dpo: number[];
  };
  paths: { method: Method; order?: Order; steps: number; points: (Place & { step: number })[] }[];
  /** Gap after T steps to what the method aims at: the mixture's optimum, for MAXRIGHT the min-max point. */
  curves: { method: Method; order?: Order; points: { steps: number; gap: number }[]; slope?: number }[];
  /** ALRIGHT's slope is fitted from this T on. */
  fittedFrom: number;
  /** Sequential's gap is never below `constant`, if that is above 0, and goes to `limit`. */
  bounds: { order: Order; leastSteps: number; constant: number; limit: number }[];
  /** MAXRIGHT's last excess over the min-max point, and what one step is worth there. */
  maxright: { steps: number; excess: number; step: number };
}
