/** A linear layer of a model: what LoRA can be put on. */
import { adaptedLinear, gelu, linear, linearGelu, type Parameter, type Tensor } from "@outright/tensor";
import type { LoraAdapter } from "./lora.js";
import type { Initial, ParameterSet } from "./parameters.js";

export class Linear {
  /** its module's name in transformers: the weight's without ".weight" */
  readonly name: string;
  /** [out, in] */
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  /** null unless LoRA was put on this layer */
  adapter: LoraAdapter | null = null;

  /** Declares its parameters in `weights`; a bias starts as zeros. */
  constructor(
    weights: ParameterSet,
    name: string,
    [out, inner]: readonly [out: number, inner: number],
    { initial, bias }: { initial: Initial; bias: boolean },
  ) {
    this.name = name;
    this.weight = weights.add(`${name}.weight`, [out, inner], initial);
    this.bias = bias ? weights.add(`${name}.bias`, [out], { kind: "constant", value: 0 }) : null;
  }

  /** x[T, in] to [T, out], plus `residual` where given. */
  forward(x: Tensor, residual: Tensor | null = null): Tensor {
    const lowRank = this.adapter?.active() ?? null;
    return lowRank === null
      ? linear(x, this.weight, this.bias, residual)
      : adaptedLinear(x, this.weight, this.bias, lowRank, residual);
  }

  /** gelu(forward(x)) */
  forwardGelu(x: Tensor, form: "exact" | "tanh"): Tensor {
    return (this.adapter?.active() ?? null) === null
      ? linearGelu(x, this.weight, this.bias, form)
      : gelu(this.forward(x), form);
  }
}
