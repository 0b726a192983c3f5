/** Shape checks that name the operation. */
import type { Tensor } from "../tensor.js";

/** The sides of a matrix. @throws when the tensor has another rank */
export function matrix(operation: string, name: string, tensor: Tensor): [number, number] {
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new Error(`${operation}: ${name} must be a matrix, its shape is [${tensor.shape.join(", ")}]`);
  }
  return [rows, columns];
}

export function expectSide(operation: string, name: string, given: number, expected: number): void {
  if (given !== expected) throw new Error(`${operation}: ${name} is ${given}, expected ${expected}`);
}
