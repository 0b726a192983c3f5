/** Which token comes next. */

export interface Sampling {
  /** what logits are divided by; 0, the default: the most likely token each time */
  temperature?: number;
  /** only so many of the most likely tokens; 0, the default: all */
  topK?: number;
  /** of those the most likely ones whose probabilities first sum to this (Holtzman et al. 2020); 1, the default: all */
  topP?: number;
}

/** The largest logit's id; ties go to the lower id. */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if ((logits[id] as number) > (logits[best] as number)) best = id;
  return best;
}

/**
 * A token drawn from softmax(logits / temperature), cut to `topK` and then to `topP` and normalised again, as transformers
 * orders them.
 * @param logits [V]
 * @param uniform a number in [0, 1), which decides the draw
 * @throws Error where no token has a finite logit
 */
export function sampleToken(logits: Float32Array, sampling: Sampling, uniform: number): number {
  const { temperature = 0, topK = 0, topP = 1 } = sampling;
  const best = mostLikely(logits);
  const top = logits[best] as number;
  if (!Number.isFinite(top)) throw new Error("the model's logits are not finite: its weights are broken");
  if (temperature === 0) return best;
  const weight = (id: number): number => Math.exp(((logits[id] as number) - top) / temperature);
  const isCut = (topK > 0 && topK < logits.length) || topP < 1;
  if (!isCut) return draw(logits.length, (id) => id, weight, uniform);
  const ids = byLogit(logits);
  const kept = topK > 0 ? Math.min(topK, ids.length) : ids.length;
  const count = topP < 1 ? nucleus(ids, kept, weight, topP) : kept;
  return draw(count, (i) => ids[i] as number, weight, uniform);
}

/** Ids from the largest logit down; equal ones by id. */
function byLogit(logits: Float32Array): Uint32Array {
  const ids = Uint32Array.from(logits, (_, id) => id);
  return ids.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
}

/** How many of the first `kept` ids are needed for a share of `topP` of their weight; at least one. */
function nucleus(ids: Uint32Array, kept: number, weight: (id: number) => number, topP: number): number {
  let total = 0;
  for (let i = 0; i < kept; i++) total += weight(ids[i] as number);
  let sum = 0;
  for (let i = 0; i < kept; i++) {
    sum += weight(ids[i] as number);
    if (sum >= topP * total) return i + 1;
  }
  return kept;
}

function draw(
  count: number,
  idAt: (index: number) => number,
  weight: (id: number) => number,
  uniform: number,
): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weight(idAt(i));
  let left = uniform * total;
  for (let i = 0; i < count; i++) {
    left -= weight(idAt(i));
    if (left < 0) return idAt(i);
  }
  // rounding left a little: the last that can be drawn at all
  for (let i = count - 1; i > 0; i--) if (weight(idAt(i)) > 0) return idAt(i);
  return idAt(0);
}

/** @throws Error of one line for values that mean nothing */
export function checkSampling({ temperature = 0, topK = 0, topP = 1 }: Sampling): void {
  if (!(temperature >= 0 && Number.isFinite(temperature)))
    throw new Error(`temperature: must be 0 or more; got ${temperature}`);
  if (!(Number.isInteger(topK) && topK >= 0))
    throw new Error(`topK: must be a whole number, 0 or more; got ${topK}`);
  if (!(topP > 0 && topP <= 1)) throw new Error(`topP: must be above 0 and at most 1; got ${topP}`);
}
