/** What the format has a place for and this version does not do yet: refused by name, never passed over. */
import { child } from "./describe.js";
import type { ConfigProblem } from "./source.js";

const LATER_DPO_LOSSES = ["ipo", "hinge", "robust", "simpo", "mmpo", "length-normalized", "label-smoothing"];

/** Removes such keys and values from `input`, so that the schema does not call them unknown, and reports them. */
export function takeNotYet(input: Record<string, unknown>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (
    holder: Record<string, unknown>,
    key: string,
    path: (string | number)[],
    message: string,
  ): void => {
    delete holder[key];
    problems.push({ path, message });
  };

  if (Object.hasOwn(input, "paperCompatible")) {
    const message =
      "not available yet; leave it out, and give objectives `template: paper` for the authors' prompts";
    refuse(input, "paperCompatible", ["paperCompatible"], message);
  }
  if (input.dtype === "float16") {
    refuse(input, "dtype", ["dtype"], "float16 is not available; use bfloat16 or float32");
  }
  // a key of earlier versions, which could also take their products from a library
  if (input.matmul === "auto" || input.matmul === "portable") delete input.matmul;
  for (const [name, objective] of entries(input.objectives)) {
    const loss = child(objective, "loss");
    if (child(objective, "kind") === "dpo" && typeof loss === "string" && LATER_DPO_LOSSES.includes(loss)) {
      refuse(objective, "loss", ["objectives", name, "loss"], `${loss} is not available yet; use sigmoid`);
    }
  }
  return problems;
}

function entries(value: unknown): [string, Record<string, unknown>][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).filter(([, inner]) => typeof inner === "object" && inner !== null);
}
