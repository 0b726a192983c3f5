/** `outright export`: an adapter merged into its base, as a Hugging Face directory. */
import { openModelChain, saveModelDirectory } from "@outright/checkpoint";
import { loadModel, modelTensors, openDevice } from "@outright/trainer";
import { formatCount } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";
import { noteOtherBase } from "./adapter-base.js";

export interface ExportFlags {
  adapter: string;
  model?: string;
  out: string;
  dtype: "float32" | "bfloat16";
}

const FILE_DTYPES = { float32: "F32", bfloat16: "BF16" } as const;

export function exportCommand(flags: ExportFlags, output: Output): void {
  const chain = openModelChain(flags.adapter, flags.model);
  const own = chain.adapters.at(-1);
  if (own === undefined)
    throw new Error(`--adapter: ${flags.adapter} holds no adapter (adapter_config.json)`);
  if (flags.model !== undefined) noteOtherBase(own, flags.model, output);
  const device = openDevice({ device: "auto" });
  try {
    const { model, directory } = loadModel(device, chain, "pretrained", 0, { trainable: false });
    const { config } = directory;
    const dtype = FILE_DTYPES[flags.dtype];
    saveModelDirectory(flags.out, {
      // transformers 5 calls that key "dtype", earlier versions "torch_dtype"
      config: { ...config, ["dtype" in config ? "dtype" : "torch_dtype"]: flags.dtype },
      tensors: modelTensors(model).map((tensor) => ({ ...tensor, dtype })),
      copyFrom: chain.base,
      tokenizerFrom: chain.tokenizer,
    });
    const parameters = model.parameters.reduce((sum, { count }) => sum + count, 0);
    const parts = [chain.base, ...chain.adapters.map(({ dir }) => dir)];
    output.out(`${parts.join(" + ")}: ${formatCount(parameters)} parameters\nwrote ${flags.out}\n`);
    model.dispose();
  } finally {
    device.close();
  }
}
