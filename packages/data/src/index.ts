export { largestId, loadDataset } from "./dataset.js";
export { prefixFor } from "./encode.js";
export { type Examples, type ExamplesOptions, openExamples } from "./examples.js";
export { splitHoldout } from "./holdout.js";
export { readMargins } from "./margins.js";
export { packPairs, packSft } from "./packing.js";
export { counterRandom, philox4x32, shuffled } from "./random.js";
export { describeRow, hashFile, type ReadRow, readRows } from "./readers.js";
export { ExampleStream } from "./streams.js";
export { defaultTemplate, type RenderedRow, renderRow } from "./templates.js";
export { loadTokenizer } from "./tokenizer.js";
export type {
  Boundary,
  ChatMessage,
  DataFormat,
  Dataset,
  DatasetOptions,
  DatasetReport,
  ExampleKind,
  FlatRow,
  IdenticalPairs,
  PairExample,
  ReadProgress,
  SftExample,
  StreamState,
  TemplateName,
  Tokenizer,
  Truncate,
} from "./types.js";
