/** How prompts are dressed for a model: as asked for, else as in its training, else not at all. */
import { type PromptTemplate, type PromptTemplates, trainingTemplates } from "@outright/eval";

export function promptTemplates(model: string, asked: PromptTemplate | undefined): PromptTemplates {
  if (asked !== undefined) return { dialogue: asked, other: asked };
  return trainingTemplates(model) ?? { dialogue: "plain", other: "plain" };
}

/** Why these, in words. */
export function templateReason(model: string, asked: PromptTemplate | undefined): string {
  if (asked !== undefined) return "as asked for";
  return trainingTemplates(model) === null ? "the model lies in no run that tells another" : "as in training";
}
