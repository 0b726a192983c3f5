/** @outright/eval: scores, generation, conversations, MMLU and win rates. */
export { Conversation, type ConversationOptions, type Reply } from "./chat/conversation.js";
export { chatDressing, type Dressing, templateDressing } from "./chat/dressing.js";
export {
  type Generated,
  type GeneratedIds,
  type GenerateIdsOptions,
  type GenerateOptions,
  generate,
  generateIds,
  promptIds,
} from "./generate/generate.js";
export { generateByRecomputing } from "./generate/recompute.js";
export { mostLikely, type Sampling, sampleToken } from "./generate/sampling.js";
export { TextStream } from "./generate/text-stream.js";
export * from "./mmlu/index.js";
export { type ScoreOptions, type ScoreSummary, scoreFile } from "./score.js";
export * from "./winrate/index.js";
export { type ModelOptions, withModel } from "./with-model.js";
