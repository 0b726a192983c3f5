/** Which chunk of rows is next: shared by all threads that encode, so that each chunk is taken once, in order. */

const [NEXT, STOP] = [0, 1];

export class ChunkCounter {
  /** Int32[2]: the next chunk that nobody has taken; anything but 0 where no more shall be taken */
  readonly shared: SharedArrayBuffer;
  readonly #chunks: number;
  readonly #values: Int32Array;

  /** @param shared of another thread's counter; a new one without */
  constructor(chunks: number, shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.shared = shared;
    this.#chunks = chunks;
    this.#values = new Int32Array(shared);
  }

  /** The next chunk; null where none is left. */
  take(): number | null {
    if (Atomics.load(this.#values, STOP) !== 0) return null;
    if (Atomics.load(this.#values, NEXT) >= this.#chunks) return null;
    const chunk = Atomics.add(this.#values, NEXT, 1);
    return chunk < this.#chunks ? chunk : null;
  }

  /** Lets nobody take another. */
  stop(): void {
    Atomics.store(this.#values, STOP, 1);
  }
}
