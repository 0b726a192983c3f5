/** The text of tokens that come one by one, told in parts that no later token changes, up to a stop string. */
export class TextStream {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #stops: readonly string[];
  readonly #ids: number[] = [];
  #text = "";
  #told = 0;
  #isStopped = false;

  /** @param stops the text ends before the first of them; none may be empty */
  constructor(decode: (ids: readonly number[]) => string, stops: readonly string[] = []) {
    if (stops.includes("")) throw new Error("stop: a stop string must not be empty");
    this.#decode = decode;
    this.#stops = stops;
  }

  /** Whether a stop string has come. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** All text so far: without a stop string and what follows it, and before `end` with what may still change. */
  get text(): string {
    return this.#text;
  }

  /** @returns the text that is certain now and was not before */
  push(id: number): string {
    if (this.#isStopped) return "";
    this.#ids.push(id);
    this.#text = this.#decode(this.#ids);
    const stop = Math.min(...this.#stops.map((one) => this.#text.indexOf(one)).filter((at) => at >= 0));
    if (Number.isFinite(stop)) {
      this.#isStopped = true;
      this.#text = this.#text.slice(0, stop);
      return this.#tell(stop);
    }
    return this.#tell(this.#text.length - this.#uncertain());
  }

  /** No more tokens come. @returns what was held back */
  end(): string {
    return this.#tell(this.#text.length);
  }

  /** How much of the end may change: half a character, or what may become a stop string. */
  #uncertain(): number {
    const half = /\uFFFD+$/.exec(this.#text)?.[0].length ?? 0;
    const starts = this.#stops.map((stop) => {
      for (let length = Math.min(stop.length - 1, this.#text.length); length > 0; length--)
        if (this.#text.endsWith(stop.slice(0, length))) return length;
      return 0;
    });
    return Math.max(half, ...starts);
  }

  #tell(upTo: number): string {
    const text = this.#text.slice(this.#told, upTo);
    this.#told = Math.max(this.#told, upTo);
    return text;
  }
}
