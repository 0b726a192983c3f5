import { counterRandom } from "@outright/data";
import { mostLikely, type Sampling, sampleToken } from "@outright/eval";
import { describe, expect, it } from "vitest";

const LOGITS = Float32Array.from([1, 3, -2, 3, 0.5, 2, -Number.MAX_VALUE, 1.5]);
const DRAWS = 20_000;

/** Probabilities by the definition: temperature, then the k most likely, then the smallest set of share p. */
function expected({ temperature = 1, topK = 0, topP = 1 }: Sampling): number[] {
  const weights = [...LOGITS].map((logit) => Math.exp(logit / temperature));
  const order = weights
    .map((_, id) => id)
    .sort((a, b) => (weights[b] as number) - (weights[a] as number) || a - b);
  const kept = order.slice(0, topK === 0 ? order.length : topK);
  const total = kept.reduce((sum, id) => sum + (weights[id] as number), 0);
  const nucleus: number[] = [];
  for (let sum = 0; nucleus.length < kept.length && sum < topP * total; ) {
    const id = kept[nucleus.length] as number;
    nucleus.push(id);
    sum += weights[id] as number;
  }
  const share = nucleus.reduce((sum, id) => sum + (weights[id] as number), 0);
  return weights.map((weight, id) => (nucleus.includes(id) ? weight / share : 0));
}

describe("draws follow the distribution", () => {
  it.each<[string, Sampling]>([
    ["temperature 1", { temperature: 1 }],
    ["temperature 0.5", { temperature: 0.5 }],
    ["temperature 3", { temperature: 3 }],
    ["the 3 most likely, of which two are equally so", { temperature: 1, topK: 3 }],
    ["the 1st of two equally likely", { temperature: 2, topK: 1 }],
    ["a share of 0.8", { temperature: 1, topP: 0.8 }],
    ["a share of 0.05: one token", { temperature: 1, topP: 0.05 }],
    ["k and share together", { temperature: 1.5, topK: 5, topP: 0.9 }],
    ["k beyond the vocabulary", { temperature: 1, topK: 99 }],
  ])("%s", (_, sampling) => {
    const uniform = counterRandom(11, "draws");
    const counts = new Array<number>(LOGITS.length).fill(0);
    for (let i = 0; i < DRAWS; i++) {
      const id = sampleToken(LOGITS, sampling, uniform(i));
      counts[id] = (counts[id] as number) + 1;
    }
    // Pearson's statistic; 99.99 % of it lies below this for up to 7 degrees of freedom
    let statistic = 0;
    for (const [id, probability] of expected(sampling).entries()) {
      if (probability === 0) expect(counts[id]).toBe(0);
      else statistic += ((counts[id] as number) - DRAWS * probability) ** 2 / (DRAWS * probability);
    }
    expect(statistic).toBeLessThan(29.9);
  });
});

it("temperature 0 is the most likely token, the lower id of equal ones, whatever the draw", () => {
  expect(mostLikely(LOGITS)).toBe(1);
  for (const uniform of [0, 0.5, 0.999999]) expect(sampleToken(LOGITS, { topK: 4 }, uniform)).toBe(1);
});

it("the ends of the draw take the ends of the distribution, and never a token of no probability", () => {
  const logits = Float32Array.from([-Infinity, 0, 0, -Infinity]);
  expect(sampleToken(logits, { temperature: 1 }, 0)).toBe(1);
  expect(sampleToken(logits, { temperature: 1 }, 1 - 2 ** -53)).toBe(2);
  expect(sampleToken(logits, { temperature: 1, topP: 1, topK: 4 }, 1 - 2 ** -53)).toBe(2);
});

it("a low temperature does not overflow", () => {
  expect(sampleToken(LOGITS, { temperature: 1e-6 }, 0.4)).toBe(1);
  expect(sampleToken(LOGITS, { temperature: 1e-6 }, 0.6)).toBe(3);
});

it("broken logits are an error", () => {
  expect(() => sampleToken(Float32Array.from([Number.NaN, 1]), { temperature: 1 }, 0.5)).toThrow(
    "not finite",
  );
  expect(() => sampleToken(Float32Array.from([1, Infinity]), {}, 0.5)).toThrow("not finite");
});
