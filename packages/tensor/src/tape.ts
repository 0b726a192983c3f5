/**
 * Reverse-mode differentiation. While a tape records, each operation adds a node that knows how to
 * send the gradient of its output back to its inputs; `backward` runs the nodes last to first.
 */
import { Parameter, Tensor } from "./tensor.js";

interface Node {
  output: Tensor;
  /** tensors kept for this node's backward only */
  saved: readonly Tensor[];
  backward: (gradient: Tensor) => void;
}

let recording: Tape | null = null;

/** Whether operations are being recorded now. */
export function isRecording(): boolean {
  return recording !== null;
}

export class Tape {
  #nodes: Node[] = [];

  /** Runs `body` with this tape recording. */
  record<R>(body: () => R): R {
    const outer = recording;
    recording = this;
    try {
      return body();
    } finally {
      recording = outer;
    }
  }

  add(node: Node): void {
    this.#nodes.push(node);
  }

  /**
   * Sends ∂loss/∂output = `gradient` back through everything recorded. Gradients of parameters are added to
   * what they hold. Activations, their gradients and saved statistics are freed as soon as nothing needs
   * them; `output` itself stays. The tape is empty afterwards.
   */
  backward(output: Tensor, gradient: Tensor): void {
    output.grad = gradient;
    for (let node = this.#nodes.pop(); node !== undefined; node = this.#nodes.pop()) {
      if (node.output.grad !== null) node.backward(node.output.grad);
      for (const tensor of node.saved) tensor.dispose();
      if (node.output !== output) node.output.dispose();
    }
  }
}

/**
 * Marks `output` as depending on `inputs` and records how its gradient flows back, if a tape records
 * and any input wants a gradient.
 */
export function recordBackward(
  output: Tensor,
  inputs: readonly (Tensor | null)[],
  saved: readonly Tensor[],
  backward: (gradient: Tensor) => void,
): void {
  if (recording === null || !inputs.some((input) => input?.requiresGrad)) return;
  output.requiresGrad = true;
  recording.add({ output, saved, backward });
}

/** Where an operation's backward writes the gradient of one of its inputs. */
export interface GradientTarget {
  tensor: Tensor;
  /** false: the buffer is new and must be overwritten; true: add to it */
  accumulate: boolean;
}

/** The gradient buffer of `input`; null when it wants none. Parameters' buffers always accumulate. */
export function gradientOf(input: Tensor): GradientTarget | null {
  if (!input.requiresGrad) return null;
  if (input instanceof Parameter) return { tensor: input.gradient(), accumulate: true };
  if (input.grad !== null) return { tensor: input.grad, accumulate: true };
  input.grad = Tensor.like(input);
  return { tensor: input.grad, accumulate: false };
}
