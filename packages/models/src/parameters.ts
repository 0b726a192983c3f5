/** Makes a model's parameters and fills them, from a file or at random. */
import { type Device, elements, Parameter, type ParameterOptions, type Shape } from "@outright/tensor";

/** Where weights come from: an open safetensors file, or several. */
export interface WeightSource {
  names(): string[];
  info(name: string): { shape: readonly number[]; dtype: string };
  /** Values in parts, `at` being the index of a part's first element; a part may be overwritten by the next. */
  eachFloat32(name: string, store: (part: Float32Array, at: number) => void): void;
}

/** How a parameter starts when it is not read from a file. */
export type Initial =
  | { kind: "normal"; std: number }
  | { kind: "uniform"; bound: number }
  | { kind: "constant"; value: number };

/** Uniform numbers in [0, 1) by counter; one independent stream per parameter name. */
export type UniformStreams = (stream: string) => (counter: number) => number;

/** The parameters of a model being built, in order of declaration. */
export class ParameterSet {
  readonly #device: Device;
  readonly #options: ParameterOptions;
  readonly #config: string;
  readonly #list: { parameter: Parameter; initial: Initial }[] = [];

  /**
   * @param options of every parameter declared here
   * @param config the file that says which parameters there are, for error messages
   */
  constructor(device: Device, options: ParameterOptions = {}, config = "config.json") {
    this.#device = device;
    this.#options = options;
    this.#config = config;
  }

  /** Declares one parameter; its values come with `load` or `initialise`. */
  add(name: string, shape: Shape, initial: Initial): Parameter {
    const parameter = new Parameter(this.#device, name, shape, this.#options);
    this.#list.push({ parameter, initial });
    return parameter;
  }

  get parameters(): readonly Parameter[] {
    return this.#list.map((entry) => entry.parameter);
  }

  /**
   * Reads every parameter. `ignored` tells names that files may hold beside them.
   * @throws naming the first tensor that is missing, unknown or of the wrong shape
   */
  load(source: WeightSource, ignored: (name: string) => boolean): void {
    const present = new Set(source.names());
    for (const { parameter } of this.#list) {
      const { name, shape } = parameter;
      if (!present.delete(name)) {
        throw new Error(
          `the weights hold no tensor "${name}", which ${this.#config} asks for with shape [${shape.join(", ")}]`,
        );
      }
      const given = source.info(name).shape;
      if (given.length !== shape.length || given.some((side, axis) => side !== shape[axis])) {
        throw new Error(
          `tensor "${name}" has shape [${given.join(", ")}], ${this.#config} asks for [${shape.join(", ")}]`,
        );
      }
      source.eachFloat32(name, (part, at) => parameter.write(part, at));
    }
    for (const name of present) {
      if (!ignored(name))
        throw new Error(`the weights hold a tensor "${name}" that ${this.#config} has no place for`);
    }
  }

  /** Draws every parameter anew; the same streams give the same values. */
  initialise(streams: UniformStreams): void {
    for (const { parameter, initial } of this.#list) {
      const count = elements(parameter.shape);
      parameter.write(draw(count, initial, streams(`init/${parameter.name}`)));
    }
  }

  dispose(): void {
    for (const { parameter } of this.#list) parameter.dispose();
  }
}

function draw(count: number, initial: Initial, uniform: (counter: number) => number): Float32Array {
  switch (initial.kind) {
    case "constant":
      return new Float32Array(count).fill(initial.value);
    case "uniform":
      return Float32Array.from({ length: count }, (_, i) => initial.bound * (2 * uniform(i) - 1));
    case "normal":
      return normal(count, initial.std, uniform);
  }
}

/** Normal numbers by Box and Muller's method, two from each pair of uniform ones. */
function normal(count: number, std: number, uniform: (counter: number) => number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = std * Math.sqrt(-2 * Math.log(1 - uniform(i)));
    const angle = 2 * Math.PI * uniform(i + 1);
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
