/** What figures about a sweep are drawn from. */
import type { CurveLook } from "../../sweep/look.js";
import type { Sweep } from "../../sweep/read.js";

export interface SweepInput {
  sweep: Sweep;
  /** by curve */
  looks: Map<string, CurveLook>;
}
