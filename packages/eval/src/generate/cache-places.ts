/** Which rows of a cache belong to whom: ranges are taken where they fit first, and joined again when they are given back. */
export interface Place {
  begin: number;
  rows: number;
}

export class CachePlaces {
  /** by `begin`, no two of them adjacent */
  #free: Place[];

  constructor(rows: number) {
    this.#free = rows > 0 ? [{ begin: 0, rows }] : [];
  }

  /** Null where no free range is long enough now. */
  take(rows: number): Place | null {
    const at = this.#free.findIndex((free) => free.rows >= rows);
    const found = this.#free[at];
    if (found === undefined) return null;
    const rest = { begin: found.begin + rows, rows: found.rows - rows };
    this.#free.splice(at, 1, ...(rest.rows > 0 ? [rest] : []));
    return { begin: found.begin, rows };
  }

  give({ begin, rows }: Place): void {
    const after = this.#free.findIndex((free) => free.begin > begin);
    const at = after < 0 ? this.#free.length : after;
    this.#free.splice(at, 0, { begin, rows });
    this.#join(at);
    this.#join(at - 1);
  }

  /** With the range behind it, where they touch. */
  #join(at: number): void {
    const [one, next] = [this.#free[at], this.#free[at + 1]];
    if (one === undefined || next === undefined || one.begin + one.rows !== next.begin) return;
    this.#free.splice(at, 2, { begin: one.begin, rows: one.rows + next.rows });
  }
}
