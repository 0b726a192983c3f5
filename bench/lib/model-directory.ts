/** A shape with random weights as a Hugging Face directory, so that both sides of a comparison start the same. */
import { saveModelDirectory, type TensorSource } from "@outright/checkpoint";
import { counterRandom } from "@outright/data";
import { createModel } from "@outright/models";
import { Device, Meter, type Parameter } from "@outright/tensor";
import { isLarge, SHAPES, type ShapeName } from "./shapes.js";

/** float32; large shapes bfloat16. Made on the processor, whatever is measured. */
export function writeModel(shape: ShapeName, folder: string): void {
  using device = Device.open({ backend: "cpu" });
  const config = SHAPES[shape];
  if (isLarge(shape)) {
    // a model of which nothing is in memory says what its parameters are
    const { parameters } = createModel(new Meter(device).device, config, { undefined: true });
    const tensors = parameters.map(repeating);
    saveModelDirectory(folder, { config: { ...config, torch_dtype: "bfloat16" }, tensors });
    return;
  }
  const model = createModel(device, config, { random: (stream) => counterRandom(7, stream) });
  saveModelDirectory(folder, {
    config: { ...config, torch_dtype: "float32" },
    tensors: model.parameters.map((parameter) => ({
      name: parameter.name,
      dtype: "F32" as const,
      shape: parameter.shape,
      data: () => parameter.toFloat32(),
    })),
  });
  model.dispose();
}

/** A prime, so that the rows of no matrix repeat one another. */
const PERIOD = 1_048_573;
const STD = 0.02;
let drawn: Float32Array | null = null;

/** Matrices of one million normal numbers over and over, biases of 0 and weights of norms of 1. */
function repeating({ name, shape }: Parameter, index: number): TensorSource {
  const count = shape.reduce((product, side) => product * side, 1);
  const constant = name.endsWith(".bias") ? 0 : 1;
  return {
    name,
    dtype: "BF16",
    shape,
    data: () =>
      shape.length === 1 ? new Float32Array(count).fill(constant) : parts(count, (index * 7919) % PERIOD),
  };
}

/** `count` numbers from the `first` on, in parts. */
function* parts(count: number, first: number): Generator<Float32Array> {
  drawn ??= normal();
  let from = first;
  for (let left = count; left > 0; ) {
    const part = drawn.subarray(from, Math.min(PERIOD, from + left));
    yield part;
    left -= part.length;
    from = 0;
  }
}

/** By Box and Muller's method. */
function normal(): Float32Array {
  const uniform = counterRandom(7, "bench weights");
  return Float32Array.from({ length: PERIOD }, (_, i) => {
    const radius = STD * Math.sqrt(-2 * Math.log(1 - uniform(2 * i)));
    return radius * Math.cos(2 * Math.PI * uniform(2 * i + 1));
  });
}
