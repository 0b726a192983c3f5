/**
 * Explicit lifetimes: a scope frees every tensor made in it, except those it returns.
 * Scopes nest and are synchronous; a tensor made outside any scope lives until it is disposed.
 */
import type { Tensor } from "./tensor.js";

const scopes: Set<Tensor>[] = [];

/** Called by every new tensor. */
export function register(tensor: Tensor): void {
  scopes.at(-1)?.add(tensor);
}

/** Takes a tensor out of the scope it was made in: its maker disposes of it. */
export function keep<T extends Tensor>(tensor: T): T {
  for (const scope of scopes) scope.delete(tensor);
  return tensor;
}

/** What a scope may hand on: a tensor, or a list or record of them; other values pass through. */
function tensorsIn(value: unknown): Tensor[] {
  if (value === null || typeof value !== "object") return [];
  if (isTensor(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return Object.getPrototypeOf(value) === Object.prototype ? Object.values(value).flatMap(tensorsIn) : [];
}

function isTensor(value: object): value is Tensor {
  return "dispose" in value && "handle" in value;
}

/** Runs `body`; frees all tensors it made but the ones it returns, which pass to the enclosing scope. */
export function scope<R>(body: () => R): R {
  const made = new Set<Tensor>();
  scopes.push(made);
  let result: R;
  try {
    result = body();
  } catch (error) {
    scopes.pop();
    for (const tensor of made) tensor.dispose();
    throw error;
  }
  scopes.pop();
  const returned = new Set(tensorsIn(result));
  for (const tensor of made) {
    if (returned.has(tensor)) register(tensor);
    else tensor.dispose();
  }
  return result;
}
