import type { NativeDtype } from "./native.js";

export const ELEMENT_BYTES: Readonly<Record<NativeDtype, number>> = {
  float32: 4,
  int32: 4,
  bfloat16: 2,
  int16: 2,
};
