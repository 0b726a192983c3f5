/** A thread that encodes chunks of rows until none is left: takes the next number, reads the rows, sends what became of them. */
import { type MessagePort, workerData } from "node:worker_threads";
import { ChunkCounter } from "./chunk-counter.js";
import type { Encoding } from "./encode.js";
import { encodeChunk } from "./encode-chunk.js";
import type { EncodedRows } from "./encoded-rows.js";
import { type RowIndex, RowReader } from "./row-index.js";
import { loadTokenizer, type TokenizerParts, tokenizerFromParts } from "./tokenizer.js";

export interface EncodeJob {
  index: RowIndex;
  encoding: Omit<Encoding, "tokenizer">;
  /** parts of the tokenizer, or its directory */
  tokenizer: TokenizerParts | string;
  rowsPerChunk: number;
  /** of the ChunkCounter */
  counter: SharedArrayBuffer;
  port: MessagePort;
}

/** What became of a chunk: its rows, or those before the first that has an error. */
export interface EncodedChunk extends EncodedRows {
  chunk: number;
  error: string | null;
}

const { index, encoding, tokenizer, rowsPerChunk, counter, port } = workerData as EncodeJob;
const chunks = new ChunkCounter(Math.ceil(index.rows / rowsPerChunk), counter);
const reader = new RowReader(index);
const full: Encoding = {
  ...encoding,
  tokenizer: typeof tokenizer === "string" ? await loadTokenizer(tokenizer) : tokenizerFromParts(tokenizer),
};
for (let chunk = chunks.take(); chunk !== null; chunk = chunks.take()) {
  const from = chunk * rowsPerChunk;
  const message: EncodedChunk = {
    chunk,
    ...encodeChunk(reader, from, Math.min(index.rows, from + rowsPerChunk), full),
  };
  port.postMessage(message, [message.ids.buffer, message.numbers.buffer]);
  if (message.error !== null) chunks.stop();
}
reader.close();
port.close();
