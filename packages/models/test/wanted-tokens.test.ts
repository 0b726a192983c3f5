/** Hidden states of some tokens only: the bits of all tokens' states, and the same gradients. */
import { counterRandom } from "@outright/data";
import { createModel, type JsonConfig, type ModelInput, type Recompute } from "@outright/models";
import { Device, gatherRows, scope, Tape, Tensor } from "@outright/tensor";
import { afterAll, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());

const llama: JsonConfig = {
  model_type: "llama",
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  initializer_range: 0.3,
};
const configs: Record<string, JsonConfig> = {
  llama,
  "llama of one block": { ...llama, num_hidden_layers: 1 },
  neox: { ...llama, model_type: "gpt_neox" },
  "neox, sequential residual": { ...llama, model_type: "gpt_neox", use_parallel_residual: false },
};
const T = 17;
const WANTED = Int32Array.of(3, 4, 9, 16);

function input(): ModelInput {
  const zeros = () => Tensor.from(device, new Int32Array(T));
  return {
    ids: Tensor.from(
      device,
      Int32Array.from({ length: T }, (_, t) => (7 * t) % 23),
    ),
    positions: Tensor.from(
      device,
      Int32Array.from({ length: T }, (_, t) => t),
    ),
    start: zeros(),
    skipFrom: zeros(),
    skipTo: zeros(),
    maxPosition: T - 1,
  };
}

describe.each(Object.entries(configs))("some tokens of %s", (_, config) => {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const run = (recompute: Recompute, early: boolean) => {
      const model = createModel(device, config, { random: (stream) => counterRandom(7, stream) }, { dtype });
      model.recompute = recompute;
      try {
        return scope(() => {
          const tokens = Tensor.from(device, WANTED);
          const tape = new Tape();
          const y = tape.record(() =>
            early ? model.hiddenStates(input(), tokens) : gatherRows(model.hiddenStates(input()), tokens),
          );
          const states = y.toFloat32();
          const weights = Tensor.like(y);
          weights.write(Float32Array.from({ length: y.count }, (_, i) => Math.cos(i)));
          tape.backward(y, weights);
          const gradients = model.parameters
            .filter(({ grad }) => grad !== null)
            .map(({ name, grad }) => ({ name, values: (grad as Tensor).toFloat32() }));
          return { states, gradients, shape: y.shape };
        });
      } finally {
        model.dispose();
      }
    };

    it(`have the bits that all tokens give them, in ${dtype}`, () => {
      const all = run("none", false);
      const some = run("none", true);
      expect(some.shape).toEqual([WANTED.length, 16]);
      expect(some.states).toEqual(all.states);
      // sums over fewer rows are rounded otherwise
      expect(some.gradients.map(({ name }) => name)).toEqual(all.gradients.map(({ name }) => name));
      some.gradients.forEach(({ name, values }, i) => {
        const wanted = all.gradients[i]?.values as Float32Array;
        const scale = Math.hypot(...wanted);
        const error = Math.hypot(...values.map((value, at) => value - (wanted[at] as number)));
        expect(error / scale, name).toBeLessThan(dtype === "float32" ? 1e-6 : 0.01);
      });
    });

    it(`whatever is computed again, in ${dtype}`, () => {
      const plain = run("none", true);
      for (const recompute of ["attention", "block"] as const) {
        expect(run(recompute, true)).toEqual(plain);
      }
    });
  }
});
