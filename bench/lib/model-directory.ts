/** A shape with random weights as a Hugging Face directory, so that both sides of a comparison start the same. */
import { saveModelDirectory } from "@outright/checkpoint";
import { counterRandom } from "@outright/data";
import { createModel } from "@outright/models";
import { Device } from "@outright/tensor";
import { SHAPES, type ShapeName } from "./shapes.js";

export function writeModel(shape: ShapeName, folder: string): void {
  using device = Device.open();
  const config = SHAPES[shape];
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
