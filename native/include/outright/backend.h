/*
 * The C ABI between Outright and its compute backends.
 *
 * A backend is a shared library that exports one symbol, outright_backend_get(), which returns a table of
 * functions. Nothing else crosses the border: no C++ types, no exceptions, no global state of the caller.
 *
 * Shape letters: T tokens in a flat row, N loss rows, D hidden, V vocabulary, H query heads, G key/value
 * heads, C head size, S sequences, P pairs, M/N/K the sides of a matrix product.
 *
 * Rules for every operation
 * - Matrices are row-major and contiguous unless a layout says otherwise. All sizes are int64_t.
 * - The tensors' counts may be larger than the shape needs, never smaller. Empty shapes (T = 0, N = 0, ...)
 * are fine and do nothing, except that an overwritten output of a non-empty shape is written (with zeros
 * where nothing contributes).
 * - The backend checks dtypes, shapes against counts, and the ranges of ids, targets, positions, rows,
 * offsets and spans before it writes anything. What does not fit is OUTRIGHT_INVALID; what it has no kernel
 * for is OUTRIGHT_UNSUPPORTED. last_error() then gives one line that names the operation and the argument or
 * value.
 * - Outputs must not overlap inputs unless the operation says that they may.
 * - `accumulate` != 0 adds to the output, 0 overwrites it. Gradients of parameters (dw, db, dtable) always
 * add.
 * - Weights and activations are float32 or bfloat16. The tensors of one call that hold them (x, w, b, r, y,
 * q, k, v, o, h, table, and the gradients of activations dx, dy, dh, ...) have one dtype, called X below;
 * products are accumulated in float32 and rounded to X once, to nearest even.
 * - A float32 master of a bfloat16 weight is that weight and an int16 beside it, its `low`: taken as
 * integers, the bits of the master are the bits of the weight times 2^16, plus low. The weight being the
 * master rounded to nearest even, low says exactly what the rounding took, but for masters half-way between
 * two weights that are rounded towards zero: there it would be 2^15, one too many, and the master loses one
 * unit in its last place.
 * - Statistics (mean, rstd, lse), log-probs, loss gradients g, rotary tables, gradients of parameters (dw,
 * db, dtable) and moments are float32 whatever X is. Reductions and losses are float32 or wider.
 * - Results depend on the values and shapes alone, never on the number of threads or on time. On CPU backends
 * the forward result of a row depends on that row alone: not on T, M or N, nor on its index or neighbours.
 * - A device is used by one thread at a time; different devices may be used from different threads at once.
 * - Calls return when their results can be read (a backend with a queue may defer until
 * read/copy-out/last_error).
 */
#ifndef OUTRIGHT_BACKEND_H
#define OUTRIGHT_BACKEND_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised by one whenever the meaning or order of anything below changes. */
#define OUTRIGHT_ABI_VERSION 7

typedef int32_t outright_status;
enum {
  OUTRIGHT_OK = 0,
  OUTRIGHT_INVALID = 1,       /* an argument is wrong; nothing was written */
  OUTRIGHT_UNSUPPORTED = 2,   /* no kernel for this dtype, shape or option */
  OUTRIGHT_OUT_OF_MEMORY = 3, /* last_error() gives asked, live and peak bytes */
  OUTRIGHT_INTERNAL = 4       /* the device or a library failed */
};

/* Storage types. A backend answers OUTRIGHT_UNSUPPORTED to those it lacks. */
enum {
  OUTRIGHT_FLOAT32 = 0,
  OUTRIGHT_BFLOAT16 = 1,
  OUTRIGHT_FLOAT16 = 2,
  OUTRIGHT_FLOAT64 = 3,
  OUTRIGHT_INT32 = 4,
  OUTRIGHT_INT16 = 5
};

typedef struct outright_device outright_device; /* opaque, owned by the backend */

/*
 * A view of device memory. `data` is an address on the device, on CPU backends any host pointer aligned to
 * its element; adding whole elements to it gives another valid view. A pointer to a tensor that may be left
 * out is NULL.
 */
typedef struct outright_tensor {
  void* data;
  int64_t count; /* elements */
  int32_t dtype;
} outright_tensor;

typedef struct outright_open_options {
  int32_t threads;      /* the calling thread included; 0 = one per physical core */
  int32_t device_index; /* which GPU; 0 on CPU backends */
} outright_open_options;

/* Strings live as long as the device. */
typedef struct outright_device_info {
  int32_t threads;
  const char* matmul;   /* which matrix product serves */
  const char* hardware; /* processor and instruction sets used, one line */
} outright_device_info;

typedef struct outright_memory_stats {
  int64_t live_bytes;      /* in live buffers */
  int64_t peak_bytes;      /* largest live_bytes since reset_peak() */
  int64_t cached_bytes;    /* kept for reuse */
  int64_t live_buffers;    /* number of live buffers */
  int64_t workspace_bytes; /* held by the kernels themselves, outside live_bytes */
} outright_memory_stats;

/*
 * Where heads lie, in elements: head h of token t starts at offset + t * token_stride + h * head_stride, and
 * its C numbers are contiguous. Separate q[T,H,C], k[T,G,C], v[T,G,C] and GPT-NeoX's fused qkv[T,H,3,C] are
 * both described this way; for a fused buffer the three tensors are the same one. Heads must not overlap.
 */
typedef struct outright_head_layout {
  int64_t q_offset, q_token_stride, q_head_stride;
  int64_t k_offset, k_token_stride, k_head_stride;
  int64_t v_offset, v_token_stride, v_head_stride;
} outright_head_layout;

typedef struct outright_adamw_settings {
  double lr, beta1, beta2, eps;
  double weight_decay; /* decoupled */
  int64_t step;        /* 1-based count of updates made with these moments, this one included */
  double grad_scale;   /* gradients are multiplied by this first */
  uint64_t seed;       /* of stochastic rounding; used only where bfloat16 params have no lows */
} outright_adamw_settings;

typedef struct outright_backend {
  int32_t abi_version; /* OUTRIGHT_ABI_VERSION of the header that the library was built with */
  int32_t table_bytes; /* sizeof(outright_backend) there */
  const char* name;    /* "cpu-avx512", "cuda", ... */
  const char* kind;    /* "cpu" or "cuda" */

  /* How well it would run on this machine: 0 = not at all, and reason() says why in one line (else ""). Safe
   * to call anywhere: it uses no instruction that the machine might lack. */
  int32_t (*score)(void);
  const char* (*reason)(void);

  /* ---- device and memory ---- */

  /* On failure *device is NULL and last_error(NULL) gives this thread's message. */
  outright_status (*open)(const outright_open_options* options, outright_device** device);
  /* Stops the threads and frees every buffer. NULL is fine. */
  void (*close)(outright_device* device);
  /* One line about the last call that did not return OUTRIGHT_OK; lives until the next one. */
  const char* (*last_error)(outright_device* device);
  outright_status (*info)(outright_device* device, outright_device_info* info);

  /* *tensor becomes a buffer of `count` elements, contents undefined, 64-byte aligned. count = 0 is fine. */
  outright_status (*alloc)(outright_device* device, int32_t dtype, int64_t count, outright_tensor* tensor);
  /* The same for what is made within a pass and outlives it, such as gradients: it lies apart from the
   * buffers of the pass, so that these leave no holes between it. */
  outright_status (*alloc_lasting)(outright_device* device, int32_t dtype, int64_t count,
                                   outright_tensor* tensor);
  /* Takes back what alloc or alloc_lasting gave (the same data pointer); any other pointer is
   * OUTRIGHT_INVALID. */
  outright_status (*free)(outright_device* device, const outright_tensor* tensor);
  outright_status (*memory)(outright_device* device, outright_memory_stats* stats);
  outright_status (*reset_peak)(outright_device* device);
  /* Gives cached, unused memory back to the system. */
  outright_status (*trim)(outright_device* device);

  /* Copies of `count` elements; offsets in elements; the dtype is the tensors'. copy's two must have equal
   * dtypes. */
  outright_status (*write)(outright_device* device, const outright_tensor* target, int64_t offset,
                           const void* source, int64_t count);
  outright_status (*read)(outright_device* device, const outright_tensor* source, int64_t offset,
                          void* target, int64_t count);
  /* Overlap within one buffer is fine. */
  outright_status (*copy)(outright_device* device, const outright_tensor* target, int64_t target_offset,
                          const outright_tensor* source, int64_t source_offset, int64_t count);
  /* Every element becomes `value` (an int32 tensor takes only whole numbers in range). */
  outright_status (*fill)(outright_device* device, const outright_tensor* target, double value);

  /* ---- linear: y[M,N] = x[M,K] w[N,K]^T + b[N] + r[M,N] ---- */

  /* r is what the layer's output is added to (a residual stream, a frozen layer beside an adapter); y may be
   * r.
   */
  outright_status (*linear)(outright_device* device, const outright_tensor* x, const outright_tensor* w,
                            const outright_tensor* b /* or NULL */, const outright_tensor* r /* or NULL */,
                            const outright_tensor* y, int64_t M, int64_t N, int64_t K);
  /* dx[M,K] (+)= dy[M,N] w[N,K] */
  outright_status (*linear_backward_input)(outright_device* device, const outright_tensor* dy,
                                           const outright_tensor* w, const outright_tensor* dx, int64_t M,
                                           int64_t N, int64_t K, int32_t accumulate);
  /* dw[N,K] += dy[M,N]^T x[M,K]; db[N] += column sums of dy */
  outright_status (*linear_backward_weight)(outright_device* device, const outright_tensor* dy,
                                            const outright_tensor* x, const outright_tensor* dw,
                                            const outright_tensor* db /* or NULL */, int64_t M, int64_t N,
                                            int64_t K);

  /* ---- embedding: y[T,D] = table[V,D] at int32 ids[T], 0 <= id < V ---- */

  outright_status (*embedding)(outright_device* device, const outright_tensor* ids,
                               const outright_tensor* table, const outright_tensor* y, int64_t T, int64_t D,
                               int64_t V);
  /* dtable[ids[t], :] += dy[t, :], in order of t */
  outright_status (*embedding_backward)(outright_device* device, const outright_tensor* ids,
                                        const outright_tensor* dy, const outright_tensor* dtable, int64_t T,
                                        int64_t D, int64_t V);

  /* ---- normalisation of rows x[T,D] ---- */

  /* rstd[t] = 1/sqrt(mean(x^2) + eps); y = x * rstd * w[D] */
  outright_status (*rms_norm)(outright_device* device, const outright_tensor* x, const outright_tensor* w,
                              const outright_tensor* y, const outright_tensor* rstd, int64_t T, int64_t D,
                              double eps);
  /* With xhat = x * rstd and a = dy * w: dx (+)= rstd * (a - xhat * mean(a * xhat)); dw += sum_t dy * xhat,
   * unless NULL */
  outright_status (*rms_norm_backward)(outright_device* device, const outright_tensor* dy,
                                       const outright_tensor* x, const outright_tensor* w,
                                       const outright_tensor* rstd, const outright_tensor* dx,
                                       const outright_tensor* dw, int64_t T, int64_t D, int32_t accumulate);
  /* mean[t], rstd[t] = 1/sqrt(biased variance + eps); y = (x - mean) * rstd * w[D] + b[D] */
  outright_status (*layer_norm)(outright_device* device, const outright_tensor* x, const outright_tensor* w,
                                const outright_tensor* b, const outright_tensor* y,
                                const outright_tensor* mean, const outright_tensor* rstd, int64_t T,
                                int64_t D, double eps);
  /* With xhat = (x - mean) * rstd and a = dy * w: dx (+)= rstd * (a - mean(a) - xhat * mean(a * xhat));
   * dw += sum_t dy * xhat; db += sum_t dy, unless NULL */
  outright_status (*layer_norm_backward)(outright_device* device, const outright_tensor* dy,
                                         const outright_tensor* x, const outright_tensor* w,
                                         const outright_tensor* mean, const outright_tensor* rstd,
                                         const outright_tensor* dx, const outright_tensor* dw,
                                         const outright_tensor* db, int64_t T, int64_t D, int32_t accumulate);

  /*
   * ---- rotary embedding (half-split convention) of x[T, slots, C] ----
   * Of every `period` consecutive slots the first `rotated` are turned, the others copied. Only the first R
   * of the C dimensions turn (R even, R <= C): with c = cos[positions[t], i], s = sin[positions[t], i], i <
   * R/2, y[i] = x[i] c - x[i+R/2] s,   y[i+R/2] = x[i+R/2] c + x[i] s. cos, sin: [max_positions, R/2]; int32
   * positions[T] in [0, max_positions). `inverse` turns by the negative angle (the backward pass). x and y
   * may be one buffer when accumulate is 0. slots must be a multiple of period.
   */
  outright_status (*rotary)(outright_device* device, const outright_tensor* x, const outright_tensor* cos,
                            const outright_tensor* sin, const outright_tensor* positions,
                            const outright_tensor* y, int64_t T, int64_t slots, int64_t C, int64_t R,
                            int64_t period, int64_t rotated, int64_t max_positions, int32_t inverse,
                            int32_t accumulate);

  /*
   * ---- causal attention over a flat row ----
   * Token t sees keys j with start[t] <= j <= t and not skip_from[t] <= j < skip_to[t] (int32, length T). No
   * skip is skip_from >= skip_to, e.g. 0 and 0. Query head h uses key head floor(h G / H); H must be a
   * multiple of G. o[T,H,C] = sum_j p_j v_j,   p_j = exp(scale q.k_j - lse),   lse[T,H] = log sum_j exp(scale
   * q.k_j) A token's result depends on the sequence of keys that it sees, not on where they lie in the row.
   * Invalid: start[t], skip_from[t] or skip_to[t] outside [0, t] (so t itself is never skipped).
   */
  outright_status (*attention)(outright_device* device, const outright_tensor* q, const outright_tensor* k,
                               const outright_tensor* v, const outright_head_layout* layout,
                               const outright_tensor* o, const outright_tensor* lse,
                               const outright_tensor* start, const outright_tensor* skip_from,
                               const outright_tensor* skip_to, int64_t T, int64_t H, int64_t G, int64_t C,
                               double scale);
  /*
   * With delta = sum_c dout * o: ds_j = p_j (dout.v_j - delta);
   *   dq (+)= scale sum_j ds_j k_j,   dk_j (+)= scale sum_t ds_j q_t,   dv_j (+)= sum_t p_j dout_t.
   * dq, dk, dv lie as q, k, v do; what lies between them is not touched.
   */
  outright_status (*attention_backward)(outright_device* device, const outright_tensor* dout,
                                        const outright_tensor* q, const outright_tensor* k,
                                        const outright_tensor* v, const outright_head_layout* layout,
                                        const outright_tensor* o, const outright_tensor* lse,
                                        const outright_tensor* start, const outright_tensor* skip_from,
                                        const outright_tensor* skip_to, const outright_tensor* dq,
                                        const outright_tensor* dk, const outright_tensor* dv, int64_t T,
                                        int64_t H, int64_t G, int64_t C, double scale, int32_t accumulate);

  /* ---- element by element ---- */

  /* y = silu(gate) * up, silu(z) = z / (1 + exp(-z)); y may be gate or up */
  outright_status (*silu_gate)(outright_device* device, const outright_tensor* gate,
                               const outright_tensor* up, const outright_tensor* y, int64_t count);
  outright_status (*silu_gate_backward)(outright_device* device, const outright_tensor* dy,
                                        const outright_tensor* gate, const outright_tensor* up,
                                        const outright_tensor* dgate, const outright_tensor* dup,
                                        int64_t count, int32_t accumulate);
  /* tanh = 0: x Phi(x); tanh != 0: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). y may be x. */
  outright_status (*gelu)(outright_device* device, const outright_tensor* x, const outright_tensor* y,
                          int64_t count, int32_t tanh);
  outright_status (*gelu_backward)(outright_device* device, const outright_tensor* dy,
                                   const outright_tensor* x, const outright_tensor* dx, int64_t count,
                                   int32_t tanh, int32_t accumulate);
  /* y = a + b; y may be a or b */
  outright_status (*add)(outright_device* device, const outright_tensor* a, const outright_tensor* b,
                         const outright_tensor* y, int64_t count);
  /* x *= factor */
  outright_status (*scale)(outright_device* device, const outright_tensor* x, double factor, int64_t count);

  /* ---- rows: y[N,D] = x[T,D] at int32 rows[N], 0 <= row < T ---- */

  outright_status (*gather_rows)(outright_device* device, const outright_tensor* x,
                                 const outright_tensor* rows, const outright_tensor* y, int64_t N, int64_t T,
                                 int64_t D);
  /* dx[rows[n], :] += dy[n, :] in order of n; accumulate = 0 sets dx[T,D] to zero first */
  outright_status (*gather_rows_backward)(outright_device* device, const outright_tensor* dy,
                                          const outright_tensor* rows, const outright_tensor* dx, int64_t N,
                                          int64_t T, int64_t D, int32_t accumulate);

  /*
   * ---- the log-prob head ----
   * z = h[N,D] w[V,D]^T, never stored as a whole; lse[n] = log sum_v exp z[n,v] (natural);
   * logp[n] = min(0, z[n, targets[n]] - lse[n]). int32 targets[N], 0 <= target < V.
   * A NaN or +inf among a row's logits makes that row's logp and lse NaN and touches no other row; -inf
   * logits are fine (a banned token), also at the target (logp -inf).
   */
  /*
   * `cache` is a buffer of dtype X and any length in which the forward call may keep what the backward call
   * would otherwise compute again, for as many blocks of the vocabulary as it holds (head_cache_count). It
   * belongs to this pair of calls: the same h, w and targets, unchanged. With or without it results differ by
   * rounding only.
   */
  outright_status (*logprob_head)(outright_device* device, const outright_tensor* h, const outright_tensor* w,
                                  const outright_tensor* targets, const outright_tensor* logp,
                                  const outright_tensor* lse, const outright_tensor* cache /* or NULL */,
                                  int64_t N, int64_t D, int64_t V);
  /*
   * g[N] = dloss/dlogp, p = exp(z - lse), dz[n,v] = g[n] (onehot - p), with 1 - p at the target as
   * -expm1(logp): dh[N,D] (+)= dz w,   dw[V,D] += dz^T h. Rows with g = 0 contribute exactly zero, whatever
   * else they hold.
   */
  outright_status (*logprob_head_backward)(outright_device* device, const outright_tensor* h,
                                           const outright_tensor* w, const outright_tensor* targets,
                                           const outright_tensor* lse, const outright_tensor* logp,
                                           const outright_tensor* g,
                                           const outright_tensor* cache /* or NULL */,
                                           const outright_tensor* dh,
                                           const outright_tensor* dw /* or NULL: frozen head */, int64_t N,
                                           int64_t D, int64_t V, int32_t accumulate);
  /* Elements of dtype X of the largest useful cache that takes at most `budget_bytes`; 0 where none helps. */
  outright_status (*head_cache_count)(outright_device* device, int32_t dtype, int64_t N, int64_t D, int64_t V,
                                      int64_t budget_bytes, int64_t* count);
  /* Upper bound in bytes of what either head call uses beside its arguments, for tensors of dtype X. */
  outright_status (*head_workspace_bytes)(outright_device* device, int32_t dtype, int64_t N, int64_t D,
                                          int64_t V, int64_t* bytes);

  /* ---- losses (float64 sums in order of n; results in host memory, or left with the device) ---- */

  /*
   * g[n] = -weights[n]; *loss = sum_n -weights[n] logp[n] (a term of weight 0 is 0 whatever logp is). With
   * loss NULL that one number is left with the device: take_results.
   */
  outright_status (*sft_nll)(outright_device* device, const outright_tensor* logp,
                             const outright_tensor* weights, const outright_tensor* g, int64_t N,
                             double* loss /* or NULL */);
  /* sums[s] = sum of logp[offsets[s] ... offsets[s+1]); int32 offsets[S+1], not decreasing, within [0, N] */
  outright_status (*sequence_sums)(outright_device* device, const outright_tensor* logp,
                                   const outright_tensor* offsets, double* sums /* [S] */, int64_t N,
                                   int64_t S);
  /*
   * DPO, sigmoid loss (Rafailov et al. 2023, equation 7). Sequences 2p and 2p+1 are pair p's chosen and
   * rejected answers, pi_s their summed log-probs, reference[2P] those under the reference. r_s = beta (pi_s
   * - reference_s),  m = r_2p - r_2p+1,  loss = -log sigmoid(m) = log1p(exp(-|m|)) + max(-m, 0) g = -scale
   * beta sigmoid(-m) on chosen tokens, +scale beta sigmoid(-m) on rejected ones, 0 on those outside every
   * sequence. metrics[6p...]: pi chosen, pi rejected, r chosen, r rejected, m, loss (unscaled). *total =
   * scale * sum of losses. With total NULL the metrics are left with the device: take_results.
   */
  outright_status (*dpo_sigmoid)(outright_device* device, const outright_tensor* logp,
                                 const outright_tensor* offsets /* int32 [2P+1] */, const double* reference,
                                 const outright_tensor* g, double* metrics /* [6P], or NULL with total */,
                                 int64_t N, int64_t P, double beta, double scale,
                                 double* total /* or NULL */);

  /* ---- optimizer ---- */

  /* *norm = sqrt of the sum of squares over all tensors, in float64, fixed order; NaN and Inf come through.
   */
  outright_status (*global_norm)(outright_device* device, const outright_tensor* tensors, int64_t n,
                                 double* norm);
  /*
   * torch.optim.AdamW on n tensors: with g = grad_scale * grad,
   *   p -= lr weight_decay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
   *   p -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps).
   * grads, m, v: float32. A bfloat16 param either has a low (int16, of the same length), with which it is the
   * float32 master that is updated, or none (lows NULL, or a low of count 0): then the updated value is
   * rounded stochastically, up with the probability of its distance from the bfloat16 below, by random bits
   * that are a function of (seed, step, index of the tensor, index of the element). Float32 params take no
   * low.
   */
  outright_status (*adamw)(outright_device* device, const outright_tensor* params,
                           const outright_tensor* lows /* or NULL */, const outright_tensor* grads,
                           const outright_tensor* m, const outright_tensor* v, int64_t n,
                           const outright_adamw_settings* settings);

  /* ---- added with version 2 ---- */

  /* u[M,N] = x[M,K] w[N,K]^T + b[N] and y = gelu(u), in one pass over the product's tiles */
  outright_status (*linear_gelu)(outright_device* device, const outright_tensor* x, const outright_tensor* w,
                                 const outright_tensor* b /* or NULL */, const outright_tensor* u,
                                 const outright_tensor* y, int64_t M, int64_t N, int64_t K, int32_t tanh);
  /* y = x in y's dtype: float32 to bfloat16 rounds to nearest even, bfloat16 to float32 is exact */
  outright_status (*cast)(outright_device* device, const outright_tensor* x, const outright_tensor* y,
                          int64_t count);
  /*
   * y[i] (+)= x[i] / (1 - p) where element i is kept, 0 where it is dropped; it is dropped with probability
   * p, 0 <= p < 1, by random bits that are a function of (seed, i) alone. Its own backward with the same
   * seed. y may be x when accumulate is 0.
   */
  outright_status (*dropout)(outright_device* device, const outright_tensor* x, const outright_tensor* y,
                             int64_t count, double p, uint64_t seed, int32_t accumulate);

  /* ---- added with version 4 ---- */

  /* Float32 x as bfloat16 weights and their int16 lows, and back. */
  outright_status (*split_master)(outright_device* device, const outright_tensor* x, const outright_tensor* w,
                                  const outright_tensor* low, int64_t count);
  outright_status (*join_master)(outright_device* device, const outright_tensor* w,
                                 const outright_tensor* low, const outright_tensor* x, int64_t count);

  /* ---- added with version 5 ---- */

  /*
   * Attention of N new tokens over a cache of keys and values, without backward pass. The key and value of
   * token n become row last[n] of k_cache and v_cache [S,G,C]; then it sees the rows first[n] <= j <= last[n]
   * (int32, length N), of which some may be of other new tokens. q, k and v lie as in a row of N tokens.
   * o[N,H,C] has, on the CPU, the bits that attention gives the same sequence of keys. Invalid: not
   * 0 <= first[n] <= last[n] < S, or two tokens with the same last.
   */
  outright_status (*attention_cached)(outright_device* device, const outright_tensor* q,
                                      const outright_tensor* k, const outright_tensor* v,
                                      const outright_head_layout* layout, const outright_tensor* k_cache,
                                      const outright_tensor* v_cache, const outright_tensor* o,
                                      const outright_tensor* first, const outright_tensor* last, int64_t N,
                                      int64_t S, int64_t H, int64_t G, int64_t C, double scale);

  /* ---- added with version 6 ---- */

  /*
   * *norm = global_norm(grads), then adamw with grad_scale times min(1, clip / (norm + 1e-6)), as
   * torch.nn.utils.clip_grad_norm_ does; clip 0 scales nothing. Where the norm is not finite nothing changes.
   * Since version 7: *norm is NaN where a loss that waits (take_results) is not finite. A backend with a
   * queue decides this there: it returns when the norm is known, not when the update is done.
   */
  outright_status (*adamw_clipped)(outright_device* device, const outright_tensor* params,
                                   const outright_tensor* lows /* or NULL */, const outright_tensor* grads,
                                   const outright_tensor* m, const outright_tensor* v, int64_t n,
                                   const outright_adamw_settings* settings, double clip, double* norm);

  /* ---- added with version 7 ---- */

  /*
   * What sft_nll and dpo_sigmoid have left with the device since the last time, in the order of the calls:
   * all of it, `count` numbers; another count is invalid. Waits for these, not for what was queued since.
   * results NULL: whatever was left is forgotten.
   */
  outright_status (*take_results)(outright_device* device, double* results /* [count] or NULL */,
                                  int64_t count);
} outright_backend;

/* The one exported symbol of a backend library. The table is constant and lives as long as the library. */
#if defined(_WIN32)
#define OUTRIGHT_EXPORT __declspec(dllexport)
#else
#define OUTRIGHT_EXPORT __attribute__((visibility("default")))
#endif
OUTRIGHT_EXPORT const outright_backend* outright_backend_get(void);

#ifdef __cplusplus
}
#endif

#endif /* OUTRIGHT_BACKEND_H */
