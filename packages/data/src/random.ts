import { createHash } from "node:crypto";

/**
 * Philox4x32 with ten rounds (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011): four 32-bit words
 * from a 128-bit counter and a 64-bit key.
 *
 * @param counter four unsigned 32-bit words, low word first
 * @param key two unsigned 32-bit words
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const hi0 = multiplyHigh(0xd2511f53, c0);
    const lo0 = Math.imul(0xd2511f53, c0) >>> 0;
    const hi1 = multiplyHigh(0xcd9e8d57, c2);
    const lo1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (hi1 ^ c1 ^ k0) >>> 0;
    c1 = lo1;
    c2 = (hi0 ^ c3 ^ k1) >>> 0;
    c3 = lo0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit words, in parts that stay exact in a double. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middleLow = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middleLow / 0x10000)) >>> 0;
}

/**
 * A counter-based generator: counter n gives the n-th number of the stream, uniform in [0, 1) with 53 bits. It has no
 * state, so a resumed run needs only the counter, and every process that knows (seed, stream) draws the same.
 *
 * @param seed any number; @param stream a name that keeps different uses of one seed independent
 */
export function counterRandom(seed: number, stream: string): (counter: number) => number {
  const key = streamKey(seed, stream);
  return (counter) => {
    if (!Number.isSafeInteger(counter) || counter < 0)
      throw new Error(`random counter must be a whole number ≥ 0, not ${counter}`);
    const [a, b] = philox4x32([counter >>> 0, Math.floor(counter / 2 ** 32), 0, 0], key);
    return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
  };
}

function streamKey(seed: number, stream: string): [number, number] {
  const digest = createHash("sha256").update(`${seed}\n${stream}`).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

/**
 * A permutation of 0 … count-1 by Fisher and Yates, a pure function of its arguments.
 *
 * @param pass gives every pass over the data a new order
 */
export function shuffled(count: number, seed: number, stream: string, pass: number): Uint32Array {
  const random = counterRandom(seed, `${stream}/shuffle/${pass}`);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random(i) * (i + 1));
    const taken = order[i] as number;
    order[i] = order[j] as number;
    order[j] = taken;
  }
  return order;
}
