/** What the format has a place for and this version does not do yet: refused by name, never passed over. */
import type { ConfigProblem } from "./source.js";

/** Removes such keys and values from `input`, so that the schema does not call them unknown, and reports them. */
export function takeNotYet(input: Record<string, unknown>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (key: string, message: string): void => {
    delete input[key];
    problems.push({ path: [key], message });
  };

  if (Object.hasOwn(input, "paperCompatible")) {
    const message =
      "not available yet; leave it out, and give objectives `template: paper` for the authors' prompts";
    refuse("paperCompatible", message);
  }
  if (input.dtype === "float16") refuse("dtype", "float16 is not available; use bfloat16 or float32");
  // a key of earlier versions, which could also take their products from a library
  if (input.matmul === "auto" || input.matmul === "portable") delete input.matmul;
  return problems;
}
