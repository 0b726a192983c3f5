// Elementary functions on short vectors. NaN comes out where NaN goes in.
#pragma once

#include "vec.h"

namespace outright::cpu {

// e^x with at most 2 units in the last place of error wherever the result is a normal float32; below it
// rounds to a subnormal or zero, above it is infinite. Range reduction by multiples of ln 2 and the degree-6
// polynomial of Cephes (Moshier, expf).
inline Vec exp(Vec x) {
  x = select(x > 89.0f, splat(89.0f), x);      // above every finite result
  x = select(x < -104.0f, splat(-104.0f), x);  // below half the smallest subnormal
  const Vec kRound = splat(12582912.0f);       // 1.5 * 2^23: adding it rounds to an integer
  const Vec shifted = x * 1.44269504088896341f + kRound;
  const Vec n = shifted - kRound;
  Vec r = fma(n, splat(-0.693359375f), x);
  r = fma(n, splat(2.12194440e-4f), r);
  Vec p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r) + 1.0f;
  // 2^n in two factors, so that n = 128 and subnormal results need no special case.
  const IntVec exponent = (IntVec)shifted - (IntVec)kRound;
  const IntVec half = exponent >> 1;
  const Vec first = (Vec)((half + 127) << 23);
  const Vec second = (Vec)((exponent - half + 127) << 23);
  return p * first * second;
}

// 2^x for x <= 1, for sums of many such numbers: relative error at most 1e-7 (degree 5) or 3e-6 (degree 4),
// results below 2^-125 are zero. Minimax polynomials in the fraction of x, which is taken to the nearest
// whole number.
template <int degree>
inline Vec exp2_small(Vec x) {
  static_assert(degree == 4 || degree == 5);
#if defined(__AVX512F__)
  // Far below, where the result is zero anyway, so that -inf needs no case of its own; a NaN stays one.
  x = (Vec)_mm512_maskz_max_ps(0xffff, _mm512_set1_ps(-200.0f), (__m512)x);
  const Vec n =
      (Vec)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const Vec kRound = splat(12582912.0f);  // 1.5 * 2^23
  const Vec n = (x + kRound) - kRound;
#endif
  const Vec r = x - n;
  Vec p;
  if constexpr (degree == 5) {
    p = splat(0.001326472731307149f);
    p = fma(p, r, splat(0.009671512991189957f));
    p = fma(p, r, splat(0.05550733581185341f));
    p = fma(p, r, splat(0.24022242426872253f));
    p = fma(p, r, splat(0.6931470036506653f));
  } else {
    p = splat(0.009582852944731712f);
    p = fma(p, r, splat(0.055906426161527634f));
    p = fma(p, r, splat(0.24024099111557007f));
    p = fma(p, r, splat(0.6931241750717163f));
  }
  p = fma(p, r, splat(1.0f));
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);
#else
  const IntVec exponent = (IntVec)(n + kRound) - (IntVec)kRound;
  return select(x < -125.0f, Vec{}, p * (Vec)((exponent + 127) << 23));
#endif
}

// 1 / (1 + e^-x)
inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }

// The standard normal distribution's density and distribution function.
//   Phi(x) = erfc(-x / sqrt 2) / 2, with the polynomials of Cephes (Moshier, erff and erfcf).
struct Normal {
  Vec density;
  Vec distribution;
};
inline Normal normal(Vec x) {
  x = select(x > 20.0f, splat(20.0f), x);  // beyond, both are constant in float32
  x = select(x < -20.0f, splat(-20.0f), x);
  const Vec z = x * 0.70710678118654752f;
  const Vec a = select(z < 0.0f, -z, z);
  const Vec square = a * a;
  // e^(-x^2 / 2), with the rounding error of x^2 put back.
  const Vec x2 = x * x;
  const Vec lost = fma(x, x, -x2);
  const Vec gauss = exp(x2 * -0.5f) * (1.0f - 0.5f * lost);

  // |z| <= 1: erf(z) = z T(z^2)
  Vec t = splat(7.853861353153693e-5f);
  t = fma(t, square, splat(-8.010193625184903e-4f));
  t = fma(t, square, splat(5.188327685732524e-3f));
  t = fma(t, square, splat(-2.685381193529856e-2f));
  t = fma(t, square, splat(1.128358514861418e-1f));
  t = fma(t, square, splat(-3.761262582423300e-1f));
  t = fma(t, square, splat(1.128379165726710e+0f));
  const Vec near = 0.5f + 0.5f * z * t;

  // |z| > 1: erfc(|z|) = e^(-z^2) q P(q^2), q = 1/|z|, with one polynomial up to 2 and another above
  const Vec q = 1.0f / a;
  const Vec y = q * q;
  Vec p = splat(2.326819970068386e-2f);
  p = fma(p, y, splat(-1.387039388740657e-1f));
  p = fma(p, y, splat(3.687424674597105e-1f));
  p = fma(p, y, splat(-5.824733027278666e-1f));
  p = fma(p, y, splat(6.210004621745983e-1f));
  p = fma(p, y, splat(-4.944515323274145e-1f));
  p = fma(p, y, splat(3.404879937665872e-1f));
  p = fma(p, y, splat(-2.741127028184656e-1f));
  p = fma(p, y, splat(5.638259427386472e-1f));
  Vec r = splat(-1.047766399936249e+1f);
  r = fma(r, y, splat(1.297719955372516e+1f));
  r = fma(r, y, splat(-7.495518717768503e+0f));
  r = fma(r, y, splat(2.921019019210786e+0f));
  r = fma(r, y, splat(-1.015265279202700e+0f));
  r = fma(r, y, splat(4.218463358204948e-1f));
  r = fma(r, y, splat(-2.820767439740514e-1f));
  r = fma(r, y, splat(5.641895067754075e-1f));
  const Vec half = 0.5f * gauss * q * select(a < 2.0f, p, r);
  const Vec far = select(z < 0.0f, half, 1.0f - half);

  return {gauss * 0.39894228040143268f, select(a <= 1.0f, near, select(a > 1.0f, far, x))};
}

}  // namespace outright::cpu
