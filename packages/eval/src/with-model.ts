/** A model that is only asked, for as long as it is needed. */
import { openAdapterDirectory } from "@outright/checkpoint";
import type { LanguageModel } from "@outright/models";
import { addAdapter, loadModel, openDevice } from "@outright/trainer";

export interface ModelOptions {
  /** a Hugging Face directory, or an adapter's, which then is merged into its base */
  model: string;
  /** an adapter directory in peft's format, put on `model` layer by layer */
  adapter?: string | undefined;
  device?: string | undefined;
  /** of weights and activations; default float32 */
  dtype?: "float32" | "bfloat16" | undefined;
  threads?: number | undefined;
}

/** Loads the model frozen, hands it to `body`, and frees it and its device whatever happens. */
export async function withModel<R>(
  { model: directory, adapter, device: name = "auto", dtype = "float32", threads = 0 }: ModelOptions,
  body: (model: LanguageModel) => R | Promise<R>,
): Promise<R> {
  const device = openDevice({ device: name, threads });
  try {
    const { model } = loadModel(device, directory, "pretrained", 0, { dtype, trainable: false });
    try {
      if (adapter !== undefined) addAdapter(model, openAdapterDirectory(adapter));
      return await body(model);
    } finally {
      model.dispose();
    }
  } finally {
    device.close();
  }
}
