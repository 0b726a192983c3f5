/**
 * Model FLOP/s utilisation (Chowdhery et al. 2022, appendix B): the operations that a step of the model needs, whatever
 * a loop really computes, by its time and the GPU's peak.
 */
import { type FlatRow, type PairExample, packPairs, packSft, type SftExample } from "@outright/data";
import { visiblePairs } from "@outright/tensor";
import { keyHeads, type ShapeSizes } from "./shapes.js";

/** Parameters of the linear layers of one block, apart for those that every token needs. */
function blockParameters(shape: ShapeSizes & { model_type?: unknown }): { keys: number; others: number } {
  const { hidden_size: D, intermediate_size: I, num_attention_heads: H } = shape;
  const keyed = (2 * D * D * keyHeads(shape)) / H;
  const mlp = (shape.model_type === "llama" ? 3 : 2) * D * I;
  return { keys: keyed, others: 2 * D * D + mlp };
}

/**
 * Operations of forward and backward on flat rows: 2 a token and parameter forward and 4 backward (2 where the
 * parameters are frozen); the head on scored tokens alone; attention 4 C a visible pair and head forward, 8 C backward.
 * Of the last block only the keys and values of tokens without loss are needed. Adapters' own products are left out, and
 * so is what is computed again.
 */
export function stepFlops(
  shape: ShapeSizes & { model_type?: unknown },
  rows: readonly FlatRow[],
  frozen: boolean,
): number {
  const { hidden_size: D, vocab_size: V, num_hidden_layers: L } = shape;
  const { keys, others } = blockParameters(shape);
  const each = frozen ? 4 : 6;
  return rows.reduce((sum, row) => {
    const T = row.tokens;
    const N = row.targets.length;
    const linear = T * keys * L + (T * (L - 1) + N) * others;
    const attention = 12 * D * pairsOf(row) * (L - 1 + N / T);
    return sum + each * (linear + N * D * V) + attention;
  }, 0);
}

/** Rows with nothing repeated: packed, pairs on shared prompts. */
export const leastRows = (
  sft: readonly SftExample[],
  dpo: readonly PairExample[],
  tokens: number,
): FlatRow[] => [
  ...(sft.length > 0 ? packSft(sft, tokens) : []),
  ...(dpo.length > 0 ? packPairs(dpo, tokens, { sharedPrompt: true }) : []),
];

export type Spans = Pick<FlatRow, "tokens" | "start" | "skipFrom" | "skipTo">;

/** Pairs of a token and a key that it sees. */
export const pairsOf = ({ tokens, start, skipFrom, skipTo }: Spans): number =>
  visiblePairs(tokens, start, skipFrom, skipTo);
