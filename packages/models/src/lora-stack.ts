/**
 * Several adapters of one base as a single one: with A = [A₁; A₂] and B = [s₁B₁, s₂B₂], B A = s₁B₁A₁ + s₂B₂A₂. So the
 * adapter that a later stage saves holds the earlier stages too, and stands on the original base.
 */
import type { LanguageModel } from "./language-model.js";
import { loraNames } from "./lora.js";
import { type LoraSettings, loraTargets } from "./lora-targets.js";

/** One adapter: its settings, and its tensors by peft's names. */
export interface LoraPart {
  settings: LoraSettings;
  read: (name: string) => Float32Array;
}

export interface StackedLora {
  settings: LoraSettings;
  tensors: { name: string; shape: readonly number[]; data: () => Float32Array }[];
}

/** @param parts in the order they were trained; the last one's dropout is kept */
export function stackLora(model: LanguageModel, parts: readonly LoraPart[]): StackedLora {
  const targets = parts.map(({ settings }) => loraTargets(model, settings));
  const ranks = new Map<string, number>();
  const tensors: StackedLora["tensors"] = [];
  for (const { name, weight } of model.linears) {
    const [out = 0, inner = 0] = weight.shape;
    const pieces = parts.flatMap(({ read }, i) => {
      const target = targets[i]?.find(({ linear }) => linear.name === name);
      return target === undefined ? [] : [{ read, rank: target.rank, scale: target.scale }];
    });
    const rank = pieces.reduce((sum, piece) => sum + piece.rank, 0);
    if (rank === 0) continue;
    ranks.set(name, rank);
    const names = loraNames(name);
    tensors.push({
      name: names.a,
      shape: [rank, inner],
      data: () => rows(pieces.map(({ read }) => read(names.a))),
    });
    tensors.push({
      name: names.b,
      shape: [out, rank],
      data: () =>
        columns(
          pieces.map(({ read, ...rest }) => ({ ...rest, values: read(names.b) })),
          out,
          rank,
        ),
    });
  }
  const dropout = parts.at(-1)?.settings.dropout ?? 0;
  return { settings: { dropout, ...rankSettings(model, ranks) }, tensors };
}

/** Scales are in B now: alpha equals the rank, which may differ from layer to layer. */
function rankSettings(model: LanguageModel, ranks: ReadonlyMap<string, number>) {
  const rank = Math.max(...ranks.values());
  const others = Object.fromEntries([...ranks].filter(([, other]) => other !== rank));
  return {
    rank,
    alpha: rank,
    targets: shortNames(
      model.linears.map(({ name }) => name),
      ranks,
    ),
    ...(Object.keys(others).length === 0 ? {} : { rankPattern: others, alphaPattern: others }),
  };
}

/** The last parts of the names where these mean the same layers, else whole names. */
function shortNames(all: readonly string[], chosen: ReadonlyMap<string, number>): string[] {
  const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
  const short = new Set([...chosen.keys()].map(last));
  return all.every((name) => chosen.has(name) || !short.has(last(name))) ? [...short] : [...chosen.keys()];
}

function rows(pieces: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function columns(
  pieces: readonly { values: Float32Array; rank: number; scale: number }[],
  out: number,
  rank: number,
): Float32Array {
  const whole = new Float32Array(out * rank);
  let first = 0;
  for (const { values, rank: width, scale } of pieces) {
    for (let row = 0; row < out; row++)
      for (let column = 0; column < width; column++)
        whole[row * rank + first + column] = scale * (values[row * width + column] as number);
    first += width;
  }
  return whole;
}
