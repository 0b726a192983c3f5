// Every operation of the C ABI, as C++ functions that throw Failure. What each means is said in
// outright/backend.h.
#pragma once

#include "runtime/device.h"

namespace outright::cuda {

// runtime/device.cu
void device_info(Device& device, outright_device_info* info);

// memory.cu
void allocate(Device& device, int32_t dtype, int64_t count, outright_tensor* tensor);
void allocate_lasting(Device& device, int32_t dtype, int64_t count, outright_tensor* tensor);
void release(Device& device, const outright_tensor* tensor);
void memory_stats(Device& device, outright_memory_stats* stats);
void reset_peak(Device& device);
void trim(Device& device);
void copy_in(Device& device, const outright_tensor* target, int64_t offset, const void* source,
             int64_t count);
void copy_out(Device& device, const outright_tensor* source, int64_t offset, void* target, int64_t count);
void copy(Device& device, const outright_tensor* target, int64_t target_offset, const outright_tensor* source,
          int64_t source_offset, int64_t count);
void fill(Device& device, const outright_tensor* target, double value);

// linear.cu
void linear(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
            const outright_tensor* r, const outright_tensor* y, int64_t M, int64_t N, int64_t K);
void linear_gelu(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
                 const outright_tensor* u, const outright_tensor* y, int64_t M, int64_t N, int64_t K,
                 int32_t tanh);
void linear_backward_input(Device& device, const outright_tensor* dy, const outright_tensor* w,
                           const outright_tensor* dx, int64_t M, int64_t N, int64_t K, int32_t accumulate);
void linear_backward_weight(Device& device, const outright_tensor* dy, const outright_tensor* x,
                            const outright_tensor* dw, const outright_tensor* db, int64_t M, int64_t N,
                            int64_t K);

// embedding.cu
void embedding(Device& device, const outright_tensor* ids, const outright_tensor* table,
               const outright_tensor* y, int64_t T, int64_t D, int64_t V);
void embedding_backward(Device& device, const outright_tensor* ids, const outright_tensor* dy,
                        const outright_tensor* dtable, int64_t T, int64_t D, int64_t V);

// norm.cu
void rms_norm(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* y,
              const outright_tensor* rstd, int64_t T, int64_t D, double eps);
void rms_norm_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                       const outright_tensor* w, const outright_tensor* rstd, const outright_tensor* dx,
                       const outright_tensor* dw, int64_t T, int64_t D, int32_t accumulate);
void layer_norm(Device& device, const outright_tensor* x, const outright_tensor* w, const outright_tensor* b,
                const outright_tensor* y, const outright_tensor* mean, const outright_tensor* rstd, int64_t T,
                int64_t D, double eps);
void layer_norm_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                         const outright_tensor* w, const outright_tensor* mean, const outright_tensor* rstd,
                         const outright_tensor* dx, const outright_tensor* dw, const outright_tensor* db,
                         int64_t T, int64_t D, int32_t accumulate);

// rotary.cu
void rotary(Device& device, const outright_tensor* x, const outright_tensor* cos, const outright_tensor* sin,
            const outright_tensor* positions, const outright_tensor* y, int64_t T, int64_t slots, int64_t C,
            int64_t R, int64_t period, int64_t rotated, int64_t max_positions, int32_t inverse,
            int32_t accumulate);

// attention.cu, attention_backward.cu, attention_cached.cu
void attention(Device& device, const outright_tensor* q, const outright_tensor* k, const outright_tensor* v,
               const outright_head_layout* layout, const outright_tensor* o, const outright_tensor* lse,
               const outright_tensor* start, const outright_tensor* skip_from, const outright_tensor* skip_to,
               int64_t T, int64_t H, int64_t G, int64_t C, double scale);
void attention_backward(Device& device, const outright_tensor* dout, const outright_tensor* q,
                        const outright_tensor* k, const outright_tensor* v,
                        const outright_head_layout* layout, const outright_tensor* o,
                        const outright_tensor* lse, const outright_tensor* start,
                        const outright_tensor* skip_from, const outright_tensor* skip_to,
                        const outright_tensor* dq, const outright_tensor* dk, const outright_tensor* dv,
                        int64_t T, int64_t H, int64_t G, int64_t C, double scale, int32_t accumulate);
void attention_cached(Device& device, const outright_tensor* q, const outright_tensor* k,
                      const outright_tensor* v, const outright_head_layout* layout,
                      const outright_tensor* k_cache, const outright_tensor* v_cache,
                      const outright_tensor* o, const outright_tensor* first, const outright_tensor* last,
                      int64_t N, int64_t S, int64_t H, int64_t G, int64_t C, double scale);

// activation.cu
void silu_gate(Device& device, const outright_tensor* gate, const outright_tensor* up,
               const outright_tensor* y, int64_t count);
void silu_gate_backward(Device& device, const outright_tensor* dy, const outright_tensor* gate,
                        const outright_tensor* up, const outright_tensor* dgate, const outright_tensor* dup,
                        int64_t count, int32_t accumulate);
void gelu(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count, int32_t tanh);
void gelu_backward(Device& device, const outright_tensor* dy, const outright_tensor* x,
                   const outright_tensor* dx, int64_t count, int32_t tanh, int32_t accumulate);
void add(Device& device, const outright_tensor* a, const outright_tensor* b, const outright_tensor* y,
         int64_t count);
void scale(Device& device, const outright_tensor* x, double factor, int64_t count);

// rows.cu
void gather_rows(Device& device, const outright_tensor* x, const outright_tensor* rows,
                 const outright_tensor* y, int64_t N, int64_t T, int64_t D);
void gather_rows_backward(Device& device, const outright_tensor* dy, const outright_tensor* rows,
                          const outright_tensor* dx, int64_t N, int64_t T, int64_t D, int32_t accumulate);

// head.cu
void logprob_head(Device& device, const outright_tensor* h, const outright_tensor* w,
                  const outright_tensor* targets, const outright_tensor* logp, const outright_tensor* lse,
                  const outright_tensor* cache, int64_t N, int64_t D, int64_t V);
void logprob_head_backward(Device& device, const outright_tensor* h, const outright_tensor* w,
                           const outright_tensor* targets, const outright_tensor* lse,
                           const outright_tensor* logp, const outright_tensor* g,
                           const outright_tensor* cache, const outright_tensor* dh, const outright_tensor* dw,
                           int64_t N, int64_t D, int64_t V, int32_t accumulate);
void head_cache_count(Device& device, int32_t dtype, int64_t N, int64_t D, int64_t V, int64_t budget_bytes,
                      int64_t* count);
void head_workspace_bytes(Device& device, int32_t dtype, int64_t N, int64_t D, int64_t V, int64_t* bytes);

// losses.cu
void sft_nll(Device& device, const outright_tensor* logp, const outright_tensor* weights,
             const outright_tensor* g, int64_t N, double* loss);
void sequence_sums(Device& device, const outright_tensor* logp, const outright_tensor* offsets, double* sums,
                   int64_t N, int64_t S);
void dpo_sigmoid(Device& device, const outright_tensor* logp, const outright_tensor* offsets,
                 const double* reference, const outright_tensor* g, double* metrics, int64_t N, int64_t P,
                 double beta, double scale, double* total);
void take_results(Device& device, double* results, int64_t count);

// optimizer.cu
void global_norm(Device& device, const outright_tensor* tensors, int64_t n, double* norm);
void adamw(Device& device, const outright_tensor* params, const outright_tensor* lows,
           const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v, int64_t n,
           const outright_adamw_settings* settings);
void adamw_clipped(Device& device, const outright_tensor* params, const outright_tensor* lows,
                   const outright_tensor* grads, const outright_tensor* m, const outright_tensor* v,
                   int64_t n, const outright_adamw_settings* settings, double clip, double* norm);

// cast.cu
void cast(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count);

// master.cu
void split_master(Device& device, const outright_tensor* x, const outright_tensor* w,
                  const outright_tensor* low, int64_t count);
void join_master(Device& device, const outright_tensor* w, const outright_tensor* low,
                 const outright_tensor* x, int64_t count);

// dropout.cu
void dropout(Device& device, const outright_tensor* x, const outright_tensor* y, int64_t count, double p,
             uint64_t seed, int32_t accumulate);

}  // namespace outright::cuda
