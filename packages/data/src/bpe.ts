/**
 * Byte-pair encoding over ids instead of strings: the tables of a vocabulary, and the merging of one word. The tables are plain
 * numbers, so that threads can share them. Ids are exactly those of the library's own BPE, which the tests hold against it.
 */
import { byteCharacter, spellBytes } from "./byte-level.js";
import type { Json } from "./json-file.js";

/** What merging needs to know of a vocabulary. Structured-cloneable; the numbers are in shared memory. */
export interface BpeTables {
  /** Open-addressed hash table of 2ᵏ slots of [left id, right id, rank, merged id]; left is -1 where a slot is free. */
  merges: Int32Array<SharedArrayBuffer>;
  /** [256] id of each byte: of its byte-level spelling, or of `<0xNN>`; -1 where no text has the byte. */
  bytes: Int32Array<SharedArrayBuffer>;
  /** Ids of the one-character tokens; null where a word is merged from its bytes. */
  characters: Map<string, number> | null;
  /** All tokens, where a word that is one of them is not merged (`ignore_merges`); else null. */
  whole: Map<string, number> | null;
}

const FIELDS = 4;

/** Words of more symbols go through a heap; below, looking at every pair is quicker. */
const LONGEST_SCANNED = 24;

/**
 * The tables of a tokenizer.json's `model`; null where it is no BPE, or one whose words may hold something unknown, be spelled
 * with prefixes or suffixes, or merge into what the vocabulary does not hold. Such models are left to the library.
 *
 * @param ids of all tokens, added ones included
 * @param byteLevel words reach the model in byte-level spelling
 */
export function bpeTables(model: Json, ids: Map<string, number>, byteLevel: boolean): BpeTables | null {
  const { type, merges, unk_token: unknown } = model;
  if (type !== "BPE" || !Array.isArray(merges)) return null;
  if (model["end_of_word_suffix"] || model["continuing_subword_suffix"]) return null;
  const bytes = byteIds(ids, byteLevel, model["byte_fallback"] === true);
  if (bytes === null) return null;
  const unknownId = typeof unknown === "string" ? ids.get(unknown) : undefined;
  if (unknownId !== undefined && (bytes.includes(unknownId) || isCharacter(unknown as string))) return null;
  const table = mergeTable(merges, ids, unknownId);
  if (table === null) return null;
  return {
    merges: table,
    bytes,
    characters: byteLevel ? null : new Map([...ids].filter(([token]) => isCharacter(token))),
    whole: model["ignore_merges"] === true ? ids : null,
  };
}

/** Merges as [left, right], whichever of its two ways the file writes them. */
export function mergePairs(merges: readonly unknown[]): [string, string][] {
  if (Array.isArray(merges[0])) return merges as [string, string][];
  return (merges as string[]).map((merge) => merge.split(" ", 2) as [string, string]);
}

function byteIds(
  ids: ReadonlyMap<string, number>,
  byteLevel: boolean,
  fallback: boolean,
): Int32Array<SharedArrayBuffer> | null {
  if (!byteLevel && !fallback) return null;
  const bytes = shared(256);
  for (let byte = 0; byte < 256; byte++) {
    const id = ids.get(byteLevel ? byteCharacter(byte) : fallbackSpelling(byte));
    if (id === undefined && inUtf8(byte)) return null;
    bytes[byte] = id ?? -1;
  }
  return bytes;
}

/** Whether UTF-8 uses a byte: vocabularies trained on text may lack the others. */
function inUtf8(byte: number): boolean {
  return byte < 0xc0 || (byte > 0xc1 && byte < 0xf5);
}

function fallbackSpelling(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

function mergeTable(
  merges: readonly unknown[],
  ids: ReadonlyMap<string, number>,
  unknownId: number | undefined,
): Int32Array<SharedArrayBuffer> | null {
  let slots = 16;
  while (slots < 2 * merges.length) slots *= 2;
  const table = shared(FIELDS * slots);
  for (let slot = 0; slot < slots; slot++) table[FIELDS * slot] = -1;
  let rank = 0;
  for (const [left, right] of mergePairs(merges)) {
    const [l, r, merged] = [ids.get(left), ids.get(right), ids.get(left + right)];
    if (l === undefined || r === undefined || merged === undefined || merged === unknownId) return null;
    const at = slotOf(table, l, r);
    table[at] = l;
    table[at + 1] = r;
    table[at + 2] = rank++; // of a merge that is listed twice the last rank counts, as in the library
    table[at + 3] = merged;
  }
  return table;
}

/** Where a pair stands in the table, or the free slot where it would. */
function slotOf(table: Int32Array, left: number, right: number): number {
  const mask = table.length / FIELDS - 1;
  let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
  slot = (slot ^ (slot >>> 15)) & mask;
  while (true) {
    const at = FIELDS * slot;
    const found = table[at];
    if (found === -1 || (found === left && table[at + 1] === right)) return at;
    slot = (slot + 1) & mask;
  }
}

/** The ids of one word: its symbols, merged pair by pair, the pair of lowest rank first and of equal ones the leftmost. */
export function bpeWord(word: string, tables: BpeTables): number[] {
  const { characters, whole, merges } = tables;
  const known = whole?.get(characters === null ? spellBytes(word) : word);
  if (known !== undefined) return [known];
  if (characters === null) {
    return mergeSymbols(
      Array.from(Buffer.from(word, "utf8"), (byte) => tables.bytes[byte] as number),
      merges,
    );
  }
  const strange: string[] = [];
  const symbols = Array.from(word, (character) => {
    const id = characters.get(character);
    // A character without a token merges with nothing, and becomes its bytes afterwards.
    return id ?? -1 - strange.push(character);
  });
  const merged = mergeSymbols(symbols, merges);
  if (strange.length === 0) return merged;
  return merged.flatMap((id) =>
    id >= 0
      ? [id]
      : Array.from(Buffer.from(strange[-2 - id] as string, "utf8"), (byte) => tables.bytes[byte] as number),
  );
}

function mergeSymbols(symbols: number[], table: Int32Array): number[] {
  return symbols.length > LONGEST_SCANNED ? mergeByHeap(symbols, table) : mergeByScan(symbols, table);
}

/** The definition, word for word: looks at all pairs before every merge. */
export function mergeByScan(symbols: number[], table: Int32Array): number[] {
  const ids = [...symbols];
  while (ids.length > 1) {
    let best = Number.POSITIVE_INFINITY;
    let where = -1;
    let merged = -1;
    for (let i = 0; i + 1 < ids.length; i++) {
      const at = slotOf(table, ids[i] as number, ids[i + 1] as number);
      if (table[at] === -1 || (table[at + 2] as number) >= best) continue;
      best = table[at + 2] as number;
      where = i;
      merged = table[at + 3] as number;
    }
    if (where < 0) break;
    ids[where] = merged;
    ids.splice(where + 1, 1);
  }
  return ids;
}

/** The same in O(n log n): candidate merges in a binary heap, symbols in a doubly linked list. */
export function mergeByHeap(symbols: readonly number[], table: Int32Array): number[] {
  const count = symbols.length;
  const ids = Int32Array.from(symbols);
  const next = Int32Array.from({ length: count }, (_, i) => i + 1);
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
  const heap: Candidate[] = [];
  const propose = (left: number): void => {
    const right = next[left] as number;
    if (right >= count) return;
    const at = slotOf(table, ids[left] as number, ids[right] as number);
    if (table[at] === -1) return;
    push(heap, {
      rank: table[at + 2] as number,
      left,
      ids: [ids[left] as number, ids[right] as number],
      merged: table[at + 3] as number,
    });
  };
  for (let i = 0; i + 1 < count; i++) propose(i);
  for (let best = pop(heap); best !== undefined; best = pop(heap)) {
    const { left } = best;
    const right = next[left] as number;
    // Outdated where one of the two has been merged since. An id left of a gone one stays, so both ids are compared.
    if (ids[left] !== best.ids[0] || right >= count || ids[right] !== best.ids[1]) continue;
    ids[left] = best.merged;
    ids[right] = GONE;
    const after = next[right] as number;
    next[left] = after;
    if (after < count) previous[after] = left;
    propose(left);
    const before = previous[left] as number;
    if (before >= 0) propose(before);
  }
  const result: number[] = [];
  for (let i = 0; i < count; i = next[i] as number) result.push(ids[i] as number);
  return result;
}

/** No symbol, nor any character without a token, has this id. */
const GONE = -0x80000000;

interface Candidate {
  rank: number;
  left: number;
  ids: [number, number];
  merged: number;
}

const before = (a: Candidate, b: Candidate): boolean =>
  a.rank < b.rank || (a.rank === b.rank && a.left < b.left);

function push(heap: Candidate[], candidate: Candidate): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(candidate, heap[parent] as Candidate)) break;
    heap[at] = heap[parent] as Candidate;
    at = parent;
  }
  heap[at] = candidate;
}

function pop(heap: Candidate[]): Candidate | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  while (true) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Candidate, heap[child] as Candidate)) child++;
    if (!before(heap[child] as Candidate, last)) break;
    heap[at] = heap[child] as Candidate;
    at = child;
  }
  heap[at] = last;
  return first;
}

function shared(length: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * length));
}

function isCharacter(token: string): boolean {
  return token.length === 1 || (token.length === 2 && (token.codePointAt(0) as number) > 0xffff);
}
