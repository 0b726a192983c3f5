/** Threads that encode a file's rows, as many as there are cores; results are fetched when somebody looks, without waiting. */
import { availableParallelism } from "node:os";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { ChunkCounter } from "./chunk-counter.js";
import type { Encoding } from "./encode.js";
import type { EncodedChunk, EncodeJob } from "./encode-worker.js";
import type { RowIndex } from "./row-index.js";
import { tokenizerDirectory, tokenizerParts } from "./tokenizer.js";

/** The most threads: each holds a tokenizer and the words that it has met. */
const MOST_THREADS = 8;

export class EncodePool {
  /** what the threads, and whoever helps them, have taken */
  readonly chunks: ChunkCounter;
  readonly #workers: Worker[] = [];
  readonly #receive: (() => EncodedChunk | undefined)[] = [];
  #failure: Error | null = null;
  #closed = false;

  /**
   * Null where the tokenizer is not one that threads can be given.
   * @param threads default: one for each core that this process may use
   */
  static start(
    index: RowIndex,
    encoding: Encoding,
    rowsPerChunk: number,
    threads = Math.min(availableParallelism(), MOST_THREADS),
  ): EncodePool | null {
    const { tokenizer, ...rest } = encoding;
    // Only a tokenizer with its whole vocabulary finds the seam of a joint text.
    const parts = encoding.boundary === "joint" ? null : tokenizerParts(tokenizer);
    const source = parts ?? tokenizerDirectory(tokenizer);
    if (source === null) return null;
    return new EncodePool({ index, encoding: rest, tokenizer: source, rowsPerChunk }, threads);
  }

  private constructor(job: Omit<EncodeJob, "port" | "counter">, threads: number) {
    const count = Math.ceil(job.index.rows / job.rowsPerChunk);
    this.chunks = new ChunkCounter(count);
    for (let i = 0; i < Math.min(threads, count); i++) {
      const { port1, port2 } = new MessageChannel();
      const workerData: EncodeJob = { ...job, counter: this.chunks.shared, port: port2 };
      const worker = new Worker(new URL("./encode-worker.js", import.meta.url), {
        workerData,
        transferList: [port2],
        // What the command's own process was started with is not for these threads.
        execArgv: [],
      });
      const failed = (why: string): void => {
        if (!this.#closed)
          this.#failure ??= new Error(`${job.index.path}: a tokenising thread failed: ${why}`);
      };
      worker.on("error", (error) => failed((error as Error).message.replace(/\s+/g, " ")));
      worker.on("exit", (code) => {
        if (code !== 0) failed(`it ended with code ${code}`);
      });
      // Neither keeps a process alive that has nothing else to do.
      worker.unref();
      port1.unref();
      this.#workers.push(worker);
      this.#receive.push(() => receiveMessageOnPort(port1)?.message as EncodedChunk | undefined);
    }
  }

  /** What has come since the last look. @throws Error where a thread died */
  *received(): Generator<EncodedChunk> {
    for (const receive of this.#receive) {
      for (let chunk = receive(); chunk !== undefined; chunk = receive()) yield chunk;
    }
    if (this.#failure !== null) throw this.#failure;
  }

  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) void worker.terminate();
  }
}
