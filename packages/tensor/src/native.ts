/**
 * The whole native surface, as types: what the addon offers and what each call means.
 * Everything else in TypeScript reaches the kernels through this file only.
 *
 * Shape letters: T tokens in a flat row, N loss rows, D hidden, V vocabulary, H query heads,
 * G key/value heads, C head size, S sequences, P pairs, M/N/K the sides of a matrix product.
 *
 * Conventions
 * - A `Handle` names a buffer on one device. A dead or foreign handle, a wrong dtype or a buffer that
 *   is too small throws an Error that names the operation and the argument; nothing is read or written.
 * - Matrices are row-major and contiguous. Weights, activations and gradients of activations of one call have one
 *   dtype, float32 or bfloat16. Gradients of parameters, moments, statistics, log-probs, g and rotary tables are
 *   float32; reductions and losses float32 or wider.
 * - `accumulate: true` adds to the output, `false` overwrites it. Gradients of parameters always add.
 * - Forward results of a row depend on that row alone (batch-invariant), and all results depend on the
 *   shapes only, never on the number of threads.
 */

/** Names a buffer of one device; 0 stands for "absent" where an argument may be left out. */
export type Handle = number;

/** Storage types of buffers. */
export type NativeDtype = "float32" | "bfloat16" | "int32" | "int16";

/**
 * Host data of a buffer: Float32Array for float32, Int32Array for int32, Int16Array for int16, the raw bits as
 * Uint16Array for bfloat16.
 */
export type HostArray = Float32Array | Int32Array | Int16Array | Uint16Array;

/** One backend library that was looked at. `score` 0 means it cannot run here and `reason` says why. */
export interface BackendInfo {
  /** e.g. "cpu-avx512" */
  name: string;
  /** "cpu" or "cuda" */
  kind: string;
  /** the file that was opened, or tried */
  path: string;
  score: number;
  reason: string;
}

export interface DeviceInfo {
  backend: string;
  kind: string;
  path: string;
  threads: number;
  /** which matrix product serves */
  matmul: string;
  /** one line: processor name and instruction sets used */
  hardware: string;
}

export interface MemoryStats {
  /** bytes in live buffers */
  liveBytes: number;
  /** largest liveBytes since the last resetPeak() */
  peakBytes: number;
  /** bytes kept by the allocator for reuse */
  cachedBytes: number;
  /** number of live buffers */
  liveBuffers: number;
  /** bytes of workspace held by the kernels themselves (per-thread tiles), outside liveBytes */
  workspaceBytes: number;
}

/**
 * Where heads lie inside the q, k and v buffers, in elements:
 * [qOffset, qTokenStride, qHeadStride, kOffset, kTokenStride, kHeadStride, vOffset, vTokenStride, vHeadStride].
 * Separate buffers q[T,H,C], k[T,G,C] and GPT-NeoX's fused qkv[T,H,3,C] are both described this way.
 */
export type HeadLayout = readonly [number, number, number, number, number, number, number, number, number];

export interface AdamWSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** decoupled: p -= lr * weightDecay * p, before the moment step, as torch.optim.AdamW */
  weightDecay: number;
  /** 1-based count of updates made with these moments, this one included */
  step: number;
  /** gradients are multiplied by this first (clipping) */
  gradScale: number;
  /** of stochastic rounding, a whole number below 2^53; used only for bfloat16 parameters without a low */
  seed: number;
}

export interface NativeDevice {
  info(): DeviceInfo;
  /** Frees every buffer and stops the threads. Later calls throw. */
  close(): void;

  /** A buffer of `count` elements, contents undefined. Throws with asked/live/peak bytes when memory is out. */
  alloc(dtype: NativeDtype, count: number): Handle;
  /** The same for what a pass makes and outlives it, as gradients: it lies apart from the pass's own buffers. */
  allocLasting(dtype: NativeDtype, count: number): Handle;
  free(handle: Handle): void;
  memory(): MemoryStats;
  resetPeak(): void;
  /** Gives cached, unused memory back to the system. */
  trim(): void;

  /** host -> device, `source.length` elements to `offset`. */
  write(handle: Handle, offset: number, source: HostArray): void;
  /** device -> host, `target.length` elements from `offset`. */
  read(handle: Handle, offset: number, target: HostArray): void;
  /** device -> device, same dtype. */
  copy(target: Handle, targetOffset: number, source: Handle, sourceOffset: number, count: number): void;
  fill(handle: Handle, value: number): void;

  /** y[M,N] = x[M,K] w[N,K]ᵀ + b[N] + r[M,N]; b and r may be 0, y may be r. */
  linear(x: Handle, w: Handle, b: Handle, r: Handle, y: Handle, M: number, N: number, K: number): void;
  /** u[M,N] = x[M,K] w[N,K]ᵀ + b[N] and y = gelu(u) in one pass; b may be 0. */
  linearGelu(
    x: Handle,
    w: Handle,
    b: Handle,
    u: Handle,
    y: Handle,
    M: number,
    N: number,
    K: number,
    tanh: boolean,
  ): void;
  /** dx[M,K] (+)= dy[M,N] w[N,K] */
  linearBackwardInput(
    dy: Handle,
    w: Handle,
    dx: Handle,
    M: number,
    N: number,
    K: number,
    accumulate: boolean,
  ): void;
  /** dw[N,K] += dyᵀ x; db[N] += column sums of dy (db may be 0). */
  linearBackwardWeight(dy: Handle, x: Handle, dw: Handle, db: Handle, M: number, N: number, K: number): void;

  /** y[T,D] = table[ids[T], :]. An id outside [0, V) throws and names it. */
  embedding(ids: Handle, table: Handle, y: Handle, T: number, D: number, V: number): void;
  /** dtable[ids[t], :] += dy[t, :], in token order. */
  embeddingBackward(ids: Handle, dy: Handle, dtable: Handle, T: number, D: number, V: number): void;

  /** y = x · rstd · w with rstd[T] = 1/sqrt(mean(x²) + eps). */
  rmsNorm(x: Handle, w: Handle, y: Handle, rstd: Handle, T: number, D: number, eps: number): void;
  /** dx (+)= …, dw += … (dw may be 0) */
  rmsNormBackward(
    dy: Handle,
    x: Handle,
    w: Handle,
    rstd: Handle,
    dx: Handle,
    dw: Handle,
    T: number,
    D: number,
    accumulate: boolean,
  ): void;
  /** y = (x − mean) · rstd · w + b with biased variance; mean[T], rstd[T] are kept for backward. */
  layerNorm(
    x: Handle,
    w: Handle,
    b: Handle,
    y: Handle,
    mean: Handle,
    rstd: Handle,
    T: number,
    D: number,
    eps: number,
  ): void;
  /** dx (+)= …, dw += …, db += … (dw and db may be 0) */
  layerNormBackward(
    dy: Handle,
    x: Handle,
    w: Handle,
    mean: Handle,
    rstd: Handle,
    dx: Handle,
    dw: Handle,
    db: Handle,
    T: number,
    D: number,
    accumulate: boolean,
  ): void;

  /**
   * Rotary embedding, half-split convention. x[T, slots, C]; of every `period` consecutive slots the first
   * `rotated` are turned, the others copied. Only the first R of C dimensions turn: with c = cos[positions[t], i],
   * s = sin[positions[t], i], i < R/2: y[i] = x[i] c − x[i+R/2] s, y[i+R/2] = x[i+R/2] c + x[i] s.
   * cos, sin: [maxPositions, R/2]. `inverse` turns back (the backward pass). x and y may be one buffer when
   * accumulate is false. A position outside [0, maxPositions) throws.
   */
  rotary(
    x: Handle,
    cos: Handle,
    sin: Handle,
    positions: Handle,
    y: Handle,
    T: number,
    slots: number,
    C: number,
    R: number,
    period: number,
    rotated: number,
    maxPositions: number,
    inverse: boolean,
    accumulate: boolean,
  ): void;

  /**
   * Causal attention over a flat row: token t sees j with start[t] ≤ j ≤ t and not skipFrom[t] ≤ j < skipTo[t].
   * o[T,H,C] contiguous; lse[T,H] (natural log) is kept for backward. Query head h uses key head floor(h·G/H).
   * A token's result depends on the sequence of keys it sees, not on where they lie in the row.
   * start[t] outside [0, t], or skipFrom/skipTo outside [0, t] or leaving t itself skipped, throws.
   */
  attention(
    q: Handle,
    k: Handle,
    v: Handle,
    layout: HeadLayout,
    o: Handle,
    lse: Handle,
    start: Handle,
    skipFrom: Handle,
    skipTo: Handle,
    T: number,
    H: number,
    G: number,
    C: number,
    scale: number,
  ): void;
  /** dq, dk, dv lie as q, k, v do (`layout`); for a fused buffer all three handles are the same one. */
  attentionBackward(
    dout: Handle,
    q: Handle,
    k: Handle,
    v: Handle,
    layout: HeadLayout,
    o: Handle,
    lse: Handle,
    start: Handle,
    skipFrom: Handle,
    skipTo: Handle,
    dq: Handle,
    dk: Handle,
    dv: Handle,
    T: number,
    H: number,
    G: number,
    C: number,
    scale: number,
    accumulate: boolean,
  ): void;

  /**
   * The same for N new tokens over a cache, without backward pass. The key and value of token n become row last[n] of
   * kCache and vCache [S,G,C]; then it sees the rows first[n] ≤ j ≤ last[n], some of which may be of other new
   * tokens. q, k and v lie as in a row of N tokens; o[N,H,C]. On the CPU its bits are those that `attention` gives the
   * same sequence of keys.
   * Not 0 ≤ first[n] ≤ last[n] < S, or two tokens with the same last, throws.
   */
  attentionCached(
    q: Handle,
    k: Handle,
    v: Handle,
    layout: HeadLayout,
    kCache: Handle,
    vCache: Handle,
    o: Handle,
    first: Handle,
    last: Handle,
    N: number,
    S: number,
    H: number,
    G: number,
    C: number,
    scale: number,
  ): void;

  /** y = silu(gate) · up */
  siluGate(gate: Handle, up: Handle, y: Handle, count: number): void;
  siluGateBackward(
    dy: Handle,
    gate: Handle,
    up: Handle,
    dgate: Handle,
    dup: Handle,
    count: number,
    accumulate: boolean,
  ): void;
  /** exact: x Φ(x); tanh: the usual tanh approximation (gelu_new, gelu_pytorch_tanh). */
  gelu(x: Handle, y: Handle, count: number, tanh: boolean): void;
  geluBackward(dy: Handle, x: Handle, dx: Handle, count: number, tanh: boolean, accumulate: boolean): void;
  /** y = a + b; y may be a or b. */
  add(a: Handle, b: Handle, y: Handle, count: number): void;
  /** x *= factor */
  scale(x: Handle, factor: number, count: number): void;

  /** y[N,D] = x[rows[N], :] with x[T,D]. */
  gatherRows(x: Handle, rows: Handle, y: Handle, N: number, T: number, D: number): void;
  /** dx[rows[n], :] += dy[n, :] in order of n; with accumulate false dx is zeroed first. */
  gatherRowsBackward(
    dy: Handle,
    rows: Handle,
    dx: Handle,
    N: number,
    T: number,
    D: number,
    accumulate: boolean,
  ): void;

  /**
   * The log-prob head: z = h wᵀ, logp[n] = z[n, targets[n]] − lse[n], lse[n] = log Σ_v exp z[n, v], never storing z.
   * Per-tile (max, sum) partials on fixed vocabulary tiles, merged in order. logp is clamped to ≤ 0.
   * `cache` (or 0) is a buffer of headCacheCount elements in which the backward call finds what it would otherwise
   * compute again; it belongs to this pair of calls.
   */
  logprobHead(
    h: Handle,
    w: Handle,
    targets: Handle,
    logp: Handle,
    lse: Handle,
    cache: Handle,
    N: number,
    D: number,
    V: number,
  ): void;
  /**
   * g[N] = ∂loss/∂logp. dh[N,D] (+)= and dw[V,D] += with dz = g · (onehot − softmax); dw may be 0 (frozen head).
   * Logits are recomputed by vocabulary block; each row of dw is visited once. At the target column
   * 1 − p is taken as −expm1(logp).
   */
  logprobHeadBackward(
    h: Handle,
    w: Handle,
    targets: Handle,
    lse: Handle,
    logp: Handle,
    g: Handle,
    cache: Handle,
    dh: Handle,
    dw: Handle,
    N: number,
    D: number,
    V: number,
    accumulate: boolean,
  ): void;
  /** Elements of the largest useful head cache of this dtype within `budgetBytes`; 0 where none helps. */
  headCacheCount(dtype: NativeDtype, N: number, D: number, V: number, budgetBytes: number): number;
  /** Upper bound in bytes of what the two head calls use beside their arguments, for these shapes. */
  headWorkspaceBytes(dtype: NativeDtype, N: number, D: number, V: number): number;

  /**
   * g[n] = −weights[n]; leaves Σ −weights[n] · logp[n], summed in float64 in order, on the device (takeResults). Where what is
   * left is not finite, adamWClipped changes nothing.
   */
  sftNll(logp: Handle, weights: Handle, g: Handle, N: number): void;
  /** sums[s] = Σ logp[offsets[s] … offsets[s+1]) in float64, in order. offsets: int32[S+1]. */
  sequenceSums(logp: Handle, offsets: Handle, sums: Float64Array, N: number, S: number): void;
  /**
   * DPO, sigmoid loss. Sequences 2p and 2p+1 are pair p's chosen and rejected answers; offsets: int32[2P+1];
   * reference[2P] their log-probs under the reference. With πs the float64 sequence sums:
   * chosen reward = β(π_{2p} − ref_{2p}), rejected reward likewise, m = their difference, loss = −log σ(m).
   * g on chosen tokens = −scale·β·σ(−m), on rejected tokens = +scale·β·σ(−m).
   * Leaves 6 numbers of each pair on the device (takeResults): logp chosen, logp rejected, reward chosen, reward rejected,
   * margin, loss (unscaled). Where a loss is not finite, adamWClipped changes nothing.
   */
  dpoSigmoid(
    logp: Handle,
    offsets: Handle,
    reference: Float64Array,
    g: Handle,
    N: number,
    P: number,
    beta: number,
    scale: number,
  ): void;
  /**
   * What sftNll and dpoSigmoid have left since the last time, in the order of the calls, as many numbers as there are: waits for
   * them. null: nobody wants them.
   */
  takeResults(results: Float64Array | null): void;

  /** √Σ x² over all elements of all buffers, in float64, two stages in fixed order. NaN and Inf come through. */
  globalNorm(handles: readonly Handle[]): number;
  /**
   * One AdamW update of each params[i] from grads[i], with moments m[i], v[i] (float32). A bfloat16 parameter has a
   * low, which makes it a float32 master (splitMaster), or 0 for stochastic rounding; `lows` is empty or as long as
   * `params`.
   */
  adamW(
    params: readonly Handle[],
    lows: readonly Handle[],
    grads: readonly Handle[],
    m: readonly Handle[],
    v: readonly Handle[],
    settings: AdamWSettings,
  ): void;
  /**
   * globalNorm(grads), then adamW with gradScale times min(1, clip / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_
   * does; clip 0 scales nothing. Returns the norm, or NaN where a loss that waits (takeResults) is not finite; where it is not
   * finite nothing has changed. A GPU decides this itself, and the call does not wait for the update.
   */
  adamWClipped(
    params: readonly Handle[],
    lows: readonly Handle[],
    grads: readonly Handle[],
    m: readonly Handle[],
    v: readonly Handle[],
    settings: AdamWSettings,
    clip: number,
  ): number;

  /** y = x in y's dtype, to nearest even. */
  cast(x: Handle, y: Handle, count: number): void;
  /**
   * y[i] (+)= x[i] / (1 − p) where kept, 0 where dropped (with probability p, by bits that depend on seed and i
   * alone): its own backward with the same seed. y may be x when accumulate is false.
   */
  dropout(x: Handle, y: Handle, count: number, p: number, seed: number, accumulate: boolean): void;

  /**
   * Takes float32 x apart into bfloat16 weights w, rounded to nearest even, and int16 lows, which are what the rounding
   * took from the bits: bits(x) = bits(w) · 2¹⁶ + low. A number half-way between two weights that is rounded towards
   * zero loses one unit in its last place.
   */
  splitMaster(x: Handle, w: Handle, low: Handle, count: number): void;
  /** The float32 numbers whose halves w and low are. */
  joinMaster(w: Handle, low: Handle, x: Handle, count: number): void;
}

export interface DeviceOptions {
  /** "auto", a kind ("cpu", "cuda"), or a backend's full name ("cpu-avx2"). Only "auto" falls back. */
  backend: string;
  /** worker threads, the calling one included; 0 = one per physical core */
  threads: number;
}

export interface NativeAddon {
  readonly abiVersion: number;
  /** Every backend library beside the addon (and in OUTRIGHT_BACKEND_PATH), with score and reason. */
  backends(): BackendInfo[];
  openDevice(options: DeviceOptions): NativeDevice;
}
