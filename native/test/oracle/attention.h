// Float64 oracle of causal attention over a flat row with the start/skip rule (Vaswani et al. 2017, eq. 1;
// backward as in Dao et al. 2022, algorithm 4 with delta = sum(dO * O)).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace outright::oracle {

// Where heads lie in the q, k and v buffers, in elements.
struct HeadLayout {
  int64_t q_offset, q_token, q_head;
  int64_t k_offset, k_token, k_head;
  int64_t v_offset, v_token, v_head;
};

// Token t sees j when start[t] <= j <= t and not skip_from[t] <= j < skip_to[t].
struct Spans {
  const int32_t* start;
  const int32_t* skip_from;
  const int32_t* skip_to;
  bool Sees(int64_t t, int64_t j) const {
    return j >= start[t] && j <= t && !(j >= skip_from[t] && j < skip_to[t]);
  }
};

struct AttentionShape {
  int64_t T, H, G, C;
  double scale;
  int64_t KeyHead(int64_t h) const { return h * G / H; }
};

inline double Dot(const double* a, const double* b, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// o[T,H,C] = softmax(scale q k^T) v, lse[T,H] = natural log of the softmax denominator.
inline void Attention(const double* q, const double* k, const double* v, const HeadLayout& at, double* o,
                      double* lse, const Spans& spans, const AttentionShape& s) {
  for (int64_t t = 0; t < s.T; ++t) {
    for (int64_t h = 0; h < s.H; ++h) {
      const double* query = q + at.q_offset + t * at.q_token + h * at.q_head;
      const double* keys = k + at.k_offset + s.KeyHead(h) * at.k_head;
      const double* values = v + at.v_offset + s.KeyHead(h) * at.v_head;
      double top = -std::numeric_limits<double>::infinity();
      for (int64_t j = 0; j <= t; ++j) {
        if (spans.Sees(t, j)) top = std::fmax(top, s.scale * Dot(query, keys + j * at.k_token, s.C));
      }
      double total = 0.0;
      double* out = o + (t * s.H + h) * s.C;
      for (int64_t c = 0; c < s.C; ++c) out[c] = 0.0;
      for (int64_t j = 0; j <= t; ++j) {
        if (!spans.Sees(t, j)) continue;
        const double e = std::exp(s.scale * Dot(query, keys + j * at.k_token, s.C) - top);
        total += e;
        for (int64_t c = 0; c < s.C; ++c) out[c] += e * values[j * at.v_token + c];
      }
      for (int64_t c = 0; c < s.C; ++c) out[c] /= total;
      lse[t * s.H + h] = top + std::log(total);
    }
  }
}

// Keys and values of new tokens become rows last[n] of the caches [S,G,C]; token n sees the rows [first[n],
// last[n]]. s.T is the number of new tokens.
inline void AttentionCached(const double* q, const double* k, const double* v, const HeadLayout& at,
                            double* k_cache, double* v_cache, double* o, const int32_t* first,
                            const int32_t* last, const AttentionShape& s) {
  for (int64_t n = 0; n < s.T; ++n) {
    for (int64_t g = 0; g < s.G; ++g) {
      for (int64_t c = 0; c < s.C; ++c) {
        const int64_t to = (last[n] * s.G + g) * s.C + c;
        k_cache[to] = k[at.k_offset + n * at.k_token + g * at.k_head + c];
        v_cache[to] = v[at.v_offset + n * at.v_token + g * at.v_head + c];
      }
    }
  }
  for (int64_t n = 0; n < s.T; ++n) {
    for (int64_t h = 0; h < s.H; ++h) {
      const double* query = q + at.q_offset + n * at.q_token + h * at.q_head;
      const auto row = [&](const double* cache, int64_t j) { return cache + (j * s.G + s.KeyHead(h)) * s.C; };
      double top = -std::numeric_limits<double>::infinity();
      for (int64_t j = first[n]; j <= last[n]; ++j)
        top = std::fmax(top, s.scale * Dot(query, row(k_cache, j), s.C));
      double total = 0.0;
      double* out = o + (n * s.H + h) * s.C;
      for (int64_t c = 0; c < s.C; ++c) out[c] = 0.0;
      for (int64_t j = first[n]; j <= last[n]; ++j) {
        const double e = std::exp(s.scale * Dot(query, row(k_cache, j), s.C) - top);
        total += e;
        for (int64_t c = 0; c < s.C; ++c) out[c] += e * row(v_cache, j)[c];
      }
      for (int64_t c = 0; c < s.C; ++c) out[c] /= total;
    }
  }
}

// dq, dk, dv lie as q, k, v do and receive sums; without `accumulate` the elements that belong to a head are
// zeroed first. o and lse are what forward saved.
inline void AttentionBackward(const double* dout, const double* q, const double* k, const double* v,
                              const HeadLayout& at, const double* o, const double* lse, const Spans& spans,
                              double* dq, double* dk, double* dv, const AttentionShape& s, bool accumulate) {
  if (!accumulate) {
    for (int64_t t = 0; t < s.T; ++t) {
      for (int64_t c = 0; c < s.C; ++c) {
        for (int64_t h = 0; h < s.H; ++h) dq[at.q_offset + t * at.q_token + h * at.q_head + c] = 0.0;
        for (int64_t g = 0; g < s.G; ++g) dk[at.k_offset + t * at.k_token + g * at.k_head + c] = 0.0;
        for (int64_t g = 0; g < s.G; ++g) dv[at.v_offset + t * at.v_token + g * at.v_head + c] = 0.0;
      }
    }
  }
  for (int64_t t = 0; t < s.T; ++t) {
    for (int64_t h = 0; h < s.H; ++h) {
      const int64_t query_at = at.q_offset + t * at.q_token + h * at.q_head;
      const int64_t keys_at = at.k_offset + s.KeyHead(h) * at.k_head;
      const int64_t values_at = at.v_offset + s.KeyHead(h) * at.v_head;
      const double* grad = dout + (t * s.H + h) * s.C;
      const double delta = Dot(grad, o + (t * s.H + h) * s.C, s.C);
      for (int64_t j = 0; j <= t; ++j) {
        if (!spans.Sees(t, j)) continue;
        const int64_t key_at = keys_at + j * at.k_token;
        const int64_t value_at = values_at + j * at.v_token;
        const double p = std::exp(s.scale * Dot(q + query_at, k + key_at, s.C) - lse[t * s.H + h]);
        const double ds = s.scale * p * (Dot(grad, v + value_at, s.C) - delta);
        for (int64_t c = 0; c < s.C; ++c) {
          dv[value_at + c] += p * grad[c];
          dq[query_at + c] += ds * k[key_at + c];
          dk[key_at + c] += ds * q[query_at + c];
        }
      }
    }
  }
}

}  // namespace outright::oracle
