/**
 * eˣ for x ≤ 0, to 2⁻⁴⁵ relative, 0 below −700: x = k ln 2 / 256 + r, of which 2^(k / 256) comes from tables and e^r, r being
 * small, from five terms of its series (Tang 1989). Softmax over a vocabulary is mostly this call, and Math.exp takes three
 * times as long.
 */
const STEPS = 256;
const PER_UNIT = STEPS / Math.LN2;
const LOWEST = -700;
/** ln 2 / 256 in two parts, of which the first has so few bits that k times it is exact */
const HIGH = Math.fround(Math.LN2 / STEPS);
const LOW = Math.LN2 / STEPS - HIGH;
const FRACTIONS = Float64Array.from({ length: STEPS }, (_, i) => 2 ** (i / STEPS));
const POWERS = Float64Array.from({ length: 1024 }, (_, i) => 2 ** -i);

export function expOfNegative(x: number): number {
  if (x < LOWEST) return 0;
  const k = Math.floor(x * PER_UNIT);
  const r = x - k * HIGH - k * LOW;
  const series = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24))));
  return (FRACTIONS[k & (STEPS - 1)] as number) * (POWERS[-(k >> 8)] as number) * series;
}
