/** A thread that encodes chunks of rows until none is left: takes the next number, reads the rows, sends what became of them. */
import { type MessagePort, workerData } from "node:worker_threads";
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
  /** Int32[2]: the next chunk that nobody has taken; anything but 0 asks the threads to take no more */
  control: SharedArrayBuffer;
  port: MessagePort;
}

/** What became of a chunk: its rows, or those before the first that has an error. */
export interface EncodedChunk extends EncodedRows {
  chunk: number;
  error: string | null;
}

const { index, encoding, tokenizer, rowsPerChunk, control, port } = workerData as EncodeJob;
const [NEXT, STOP] = [0, 1];
const shared = new Int32Array(control);
const reader = new RowReader(index);
const full: Encoding = {
  ...encoding,
  tokenizer: typeof tokenizer === "string" ? await loadTokenizer(tokenizer) : tokenizerFromParts(tokenizer),
};
const chunks = Math.ceil(index.rows / rowsPerChunk);
while (Atomics.load(shared, STOP) === 0) {
  const chunk = Atomics.add(shared, NEXT, 1);
  if (chunk >= chunks) break;
  const from = chunk * rowsPerChunk;
  const message: EncodedChunk = {
    chunk,
    ...encodeChunk(reader, from, Math.min(index.rows, from + rowsPerChunk), full),
  };
  port.postMessage(message, [message.ids.buffer, message.numbers.buffer]);
  if (message.error !== null) Atomics.store(shared, STOP, 1);
}
reader.close();
port.close();
