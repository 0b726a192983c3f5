/**
 * Reverse-mode differentiation. While a tape records, each operation adds a node that knows how to
 * send the gradient of its output back to its inputs; `backward` runs the nodes last to first.
 */

import { Parameter } from "./parameter.js";
import { scope } from "./scope.js";
import { Tensor } from "./tensor.js";

interface Node {
  output: Tensor;
  /** tensors whose values `backward` reads, besides `saved` */
  reads: readonly Tensor[];
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
  #nodes: (Node | (() => void))[] = [];
  /** what some node reads */
  readonly #read = new Set<Tensor>();

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
    for (const tensor of node.reads) this.#read.add(tensor);
  }

  /** Calls `action` when the backward pass comes back to this place. */
  defer(action: () => void): void {
    this.#nodes.push(action);
  }

  /** Number of operations recorded so far. */
  get length(): number {
    return this.#nodes.length;
  }

  /** Frees the values of outputs recorded from node `first` on that no backward reads, but for those of `result`. */
  release(first: number, result: Tensor): void {
    for (const node of this.#nodes.slice(first)) {
      if (typeof node === "function" || node.output === result || this.#read.has(node.output)) continue;
      node.output.evict();
    }
  }

  /**
   * Sends ∂loss/∂output = `gradient` back through everything recorded. Gradients of parameters are added to
   * what they hold. Activations, their gradients and saved statistics are freed as soon as nothing needs
   * them; `output` itself stays. The tape is empty afterwards.
   */
  backward(output: Tensor, gradient: Tensor): void {
    output.grad = gradient;
    this.unwind(output);
  }

  /** The same from the gradients that recorded outputs hold already; all of them are freed, but for `spared`. */
  unwind(spared: Tensor | null = null): void {
    for (let node = this.#nodes.pop(); node !== undefined; node = this.#nodes.pop()) {
      if (typeof node === "function") {
        node();
        continue;
      }
      if (node.output.grad !== null) node.backward(node.output.grad);
      for (const tensor of node.saved) tensor.dispose();
      if (node.output !== spared) node.output.dispose();
    }
    this.#read.clear();
  }
}

/** Tells which outputs want a gradient, and keeps nothing else. */
class ForgetfulTape extends Tape {
  override add(): void {}
  override defer(): void {}
}
const forgetful = new ForgetfulTape();

/**
 * Marks `output` as depending on `inputs` and records how its gradient flows back, if a tape records
 * and any input wants a gradient.
 * @param reads tensors whose values `backward` reads, besides `saved`: what nobody reads can be freed early. Left out,
 *   all inputs and the output count as read.
 */
export function recordBackward(
  output: Tensor,
  inputs: readonly (Tensor | null)[],
  saved: readonly Tensor[],
  backward: (gradient: Tensor) => void,
  reads: readonly Tensor[] = [...inputs.filter((input) => input !== null), output],
): void {
  if (recording === null || !inputs.some((input) => input?.requiresGrad)) return;
  output.requiresGrad = true;
  recording.add({ output, reads, saved, backward });
}

/**
 * Runs `body`, whose result alone is used afterwards. Without a tape everything else that it made is freed; with one,
 * whatever no backward reads.
 */
export function segment(body: () => Tensor): Tensor {
  const tape = recording;
  if (tape === null) return scope(body);
  const first = tape.length;
  const result = body();
  tape.release(first, result);
  return result;
}

/**
 * y = body(), of which a tape keeps nothing but y: the backward pass runs `body` again (Chen et al. 2016, "Training
 * deep nets with sublinear memory cost"). Gradients have the same bits as without.
 * @param inputs all tensors besides parameters that `body` reads and that may want a gradient
 * @param body must give the same bits each time: no generator or counter may move on inside
 */
export function checkpoint(inputs: readonly Tensor[], body: () => Tensor): Tensor {
  const tape = recording;
  if (tape === null) return scope(body);
  const output = scope(() => forgetful.record(body));
  if (!output.requiresGrad) return output;
  tape.add({
    output,
    reads: inputs,
    saved: [],
    backward: (gradient) => {
      scope(() => {
        const inner = new Tape();
        const again = inner.record(body);
        inner.backward(again, gradient);
        again.grad = null; // it is the outer tape's
        return inputs.map((input) => input.grad);
      });
    },
  });
  return output;
}

/**
 * y = use(made) with made = produce(), where a tape keeps y but not `made`: the backward pass makes it again just before
 * that of `use` reads it. So an expensive `use` runs once only, other than in a `checkpoint` of both.
 * @param produce must give the same bits each time; gives new tensors that only `use` reads
 * @param use one operation, or several whose results besides the last nobody reads
 */
export function remade(produce: () => Tensor[], use: (made: readonly Tensor[]) => Tensor): Tensor {
  const tape = recording;
  if (tape === null || tape === forgetful) return use(produce());
  const made = scope(() => forgetful.record(produce));
  if (!made.some((tensor) => tensor.requiresGrad)) return use(made);
  const inner = new Tape();
  let again: Tensor[] = [];
  tape.defer(() => {
    made.forEach((tensor, i) => {
      const copy = again[i] as Tensor;
      copy.adopt(tensor);
      copy.grad = tensor.grad;
      tensor.grad = null;
    });
    inner.unwind();
  });
  const output = use(made);
  for (const tensor of made) tensor.evict();
  tape.defer(() => {
    again = inner.record(produce);
    made.forEach((tensor, i) => {
      tensor.adopt(again[i] as Tensor);
    });
  });
  return output;
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
