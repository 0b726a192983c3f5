/** The element types of safetensors and exact conversions between them. All bytes are little-endian, as are our hosts. */

/** Bytes per element. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(DTYPE_BYTES, name);
}

/** Bfloat16 is the upper half of a float32: exact, subnormals, infinities and NaN payloads included. */
export function widenBfloat16(bits: Uint16Array, into: Float32Array): void {
  const out = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) out[i] = (bits[i] as number) << 16;
}

/** IEEE half precision to float32, exact. */
export function widenFloat16(bits: Uint16Array, into: Float32Array): void {
  const out = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) out[i] = float32BitsOfFloat16(bits[i] as number);
}

function float32BitsOfFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13); // infinity, NaN
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13); // bias 15 -> 127
  if (mantissa === 0) return sign;
  // A subnormal, mantissa x 2^-24, is a normal float32: shift its leading bit out of the mantissa.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/**
 * Float64 to the float32 on the side of zero, its last bit set where anything was lost ("round to odd"): rounded on from
 * there to a narrower format, the result is that of one rounding (Boldo & Melquiond 2008). `into` may be longer.
 */
export function roundToOdd(values: Float64Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < values.length; i++) {
    const exact = values[i] as number;
    into[i] = exact;
    const nearest = into[i] as number;
    if (nearest === exact || Number.isNaN(exact)) continue;
    // As whole numbers, floats of one sign are ordered by magnitude.
    if (Math.abs(nearest) > Math.abs(exact)) bits[i] = (bits[i] as number) - 1;
    bits[i] = (bits[i] as number) | 1;
  }
}

/** Float32 to bfloat16, to nearest, ties to even; a NaN stays a NaN. `into` may be longer than `values`. */
export function roundToBfloat16(values: Float32Array, into: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] as number;
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    // A NaN's payload may lie in the dropped half only, so its quiet bit is set.
    into[i] = isNan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}
