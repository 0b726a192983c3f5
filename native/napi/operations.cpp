// The operations: each reads its arguments in the order of packages/tensor/src/native.ts and passes them on.
// Nothing is computed here.
#include "device.h"

namespace outright::napi {
namespace {

outright_head_layout read_layout(Arguments& arguments) {
  const std::vector<int64_t> s = arguments.sizes("layout", 9);
  return {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]};
}

double setting(const Arguments& arguments, const Napi::Object& settings, const char* key) {
  const Napi::Value value = settings.Get(key);
  if (!value.IsNumber()) arguments.complain(key, "must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

}  // namespace

Napi::Value Device::linear(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "linear");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* b = arguments.optional("b");
  const outright_tensor* r = arguments.optional("r");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t M = arguments.size("M");
  const int64_t N = arguments.size("N");
  const int64_t K = arguments.size("K");
  expect(info.Env(), functions.linear(device_, x, w, b, r, y, M, N, K));
  return info.Env().Undefined();
}

Napi::Value Device::linear_gelu(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "linearGelu");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* b = arguments.optional("b");
  const outright_tensor* u = arguments.tensor("u");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t M = arguments.size("M");
  const int64_t N = arguments.size("N");
  const int64_t K = arguments.size("K");
  const int32_t tanh = arguments.flag("tanh");
  expect(info.Env(), functions.linear_gelu(device_, x, w, b, u, y, M, N, K, tanh));
  return info.Env().Undefined();
}

Napi::Value Device::linear_backward_input(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "linearBackwardInput");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* dx = arguments.tensor("dx");
  const int64_t M = arguments.size("M");
  const int64_t N = arguments.size("N");
  const int64_t K = arguments.size("K");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.linear_backward_input(device_, dy, w, dx, M, N, K, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::linear_backward_weight(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "linearBackwardWeight");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* dw = arguments.tensor("dw");
  const outright_tensor* db = arguments.optional("db");
  const int64_t M = arguments.size("M");
  const int64_t N = arguments.size("N");
  const int64_t K = arguments.size("K");
  expect(info.Env(), functions.linear_backward_weight(device_, dy, x, dw, db, M, N, K));
  return info.Env().Undefined();
}

Napi::Value Device::embedding(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "embedding");
  const outright_tensor* ids = arguments.tensor("ids");
  const outright_tensor* table = arguments.tensor("table");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  const int64_t V = arguments.size("V");
  expect(info.Env(), functions.embedding(device_, ids, table, y, T, D, V));
  return info.Env().Undefined();
}

Napi::Value Device::embedding_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "embeddingBackward");
  const outright_tensor* ids = arguments.tensor("ids");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* dtable = arguments.tensor("dtable");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  const int64_t V = arguments.size("V");
  expect(info.Env(), functions.embedding_backward(device_, ids, dy, dtable, T, D, V));
  return info.Env().Undefined();
}

Napi::Value Device::rms_norm(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "rmsNorm");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* y = arguments.tensor("y");
  const outright_tensor* rstd = arguments.tensor("rstd");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  const double eps = arguments.number("eps");
  expect(info.Env(), functions.rms_norm(device_, x, w, y, rstd, T, D, eps));
  return info.Env().Undefined();
}

Napi::Value Device::rms_norm_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "rmsNormBackward");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* rstd = arguments.tensor("rstd");
  const outright_tensor* dx = arguments.tensor("dx");
  const outright_tensor* dw = arguments.optional("dw");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.rms_norm_backward(device_, dy, x, w, rstd, dx, dw, T, D, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::layer_norm(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "layerNorm");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* b = arguments.tensor("b");
  const outright_tensor* y = arguments.tensor("y");
  const outright_tensor* mean = arguments.tensor("mean");
  const outright_tensor* rstd = arguments.tensor("rstd");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  const double eps = arguments.number("eps");
  expect(info.Env(), functions.layer_norm(device_, x, w, b, y, mean, rstd, T, D, eps));
  return info.Env().Undefined();
}

Napi::Value Device::layer_norm_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "layerNormBackward");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* mean = arguments.tensor("mean");
  const outright_tensor* rstd = arguments.tensor("rstd");
  const outright_tensor* dx = arguments.tensor("dx");
  const outright_tensor* dw = arguments.optional("dw");
  const outright_tensor* db = arguments.optional("db");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(),
         functions.layer_norm_backward(device_, dy, x, w, mean, rstd, dx, dw, db, T, D, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::rotary(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "rotary");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* cos = arguments.tensor("cos");
  const outright_tensor* sin = arguments.tensor("sin");
  const outright_tensor* positions = arguments.tensor("positions");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t T = arguments.size("T");
  const int64_t slots = arguments.size("slots");
  const int64_t C = arguments.size("C");
  const int64_t R = arguments.size("R");
  const int64_t period = arguments.size("period");
  const int64_t rotated = arguments.size("rotated");
  const int64_t max_positions = arguments.size("maxPositions");
  const int32_t inverse = arguments.flag("inverse");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.rotary(device_, x, cos, sin, positions, y, T, slots, C, R, period, rotated,
                                      max_positions, inverse, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::attention(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "attention");
  const outright_tensor* q = arguments.tensor("q");
  const outright_tensor* k = arguments.tensor("k");
  const outright_tensor* v = arguments.tensor("v");
  const outright_head_layout layout = read_layout(arguments);
  const outright_tensor* o = arguments.tensor("o");
  const outright_tensor* lse = arguments.tensor("lse");
  const outright_tensor* start = arguments.tensor("start");
  const outright_tensor* skip_from = arguments.tensor("skipFrom");
  const outright_tensor* skip_to = arguments.tensor("skipTo");
  const int64_t T = arguments.size("T");
  const int64_t H = arguments.size("H");
  const int64_t G = arguments.size("G");
  const int64_t C = arguments.size("C");
  const double scale = arguments.number("scale");
  expect(info.Env(), functions.attention(device_, q, k, v, &layout, o, lse, start, skip_from, skip_to, T, H,
                                         G, C, scale));
  return info.Env().Undefined();
}

Napi::Value Device::attention_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "attentionBackward");
  const outright_tensor* dout = arguments.tensor("dout");
  const outright_tensor* q = arguments.tensor("q");
  const outright_tensor* k = arguments.tensor("k");
  const outright_tensor* v = arguments.tensor("v");
  const outright_head_layout layout = read_layout(arguments);
  const outright_tensor* o = arguments.tensor("o");
  const outright_tensor* lse = arguments.tensor("lse");
  const outright_tensor* start = arguments.tensor("start");
  const outright_tensor* skip_from = arguments.tensor("skipFrom");
  const outright_tensor* skip_to = arguments.tensor("skipTo");
  const outright_tensor* dq = arguments.tensor("dq");
  const outright_tensor* dk = arguments.tensor("dk");
  const outright_tensor* dv = arguments.tensor("dv");
  const int64_t T = arguments.size("T");
  const int64_t H = arguments.size("H");
  const int64_t G = arguments.size("G");
  const int64_t C = arguments.size("C");
  const double scale = arguments.number("scale");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.attention_backward(device_, dout, q, k, v, &layout, o, lse, start, skip_from,
                                                  skip_to, dq, dk, dv, T, H, G, C, scale, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::attention_cached(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "attentionCached");
  const outright_tensor* q = arguments.tensor("q");
  const outright_tensor* k = arguments.tensor("k");
  const outright_tensor* v = arguments.tensor("v");
  const outright_head_layout layout = read_layout(arguments);
  const outright_tensor* k_cache = arguments.tensor("kCache");
  const outright_tensor* v_cache = arguments.tensor("vCache");
  const outright_tensor* o = arguments.tensor("o");
  const outright_tensor* first = arguments.tensor("first");
  const outright_tensor* last = arguments.tensor("last");
  const int64_t N = arguments.size("N");
  const int64_t S = arguments.size("S");
  const int64_t H = arguments.size("H");
  const int64_t G = arguments.size("G");
  const int64_t C = arguments.size("C");
  const double scale = arguments.number("scale");
  expect(info.Env(), functions.attention_cached(device_, q, k, v, &layout, k_cache, v_cache, o, first, last,
                                                N, S, H, G, C, scale));
  return info.Env().Undefined();
}

Napi::Value Device::silu_gate(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "siluGate");
  const outright_tensor* gate = arguments.tensor("gate");
  const outright_tensor* up = arguments.tensor("up");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t count = arguments.size("count");
  expect(info.Env(), functions.silu_gate(device_, gate, up, y, count));
  return info.Env().Undefined();
}

Napi::Value Device::silu_gate_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "siluGateBackward");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* gate = arguments.tensor("gate");
  const outright_tensor* up = arguments.tensor("up");
  const outright_tensor* dgate = arguments.tensor("dgate");
  const outright_tensor* dup = arguments.tensor("dup");
  const int64_t count = arguments.size("count");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.silu_gate_backward(device_, dy, gate, up, dgate, dup, count, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::gelu(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "gelu");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t count = arguments.size("count");
  const int32_t tanh = arguments.flag("tanh");
  expect(info.Env(), functions.gelu(device_, x, y, count, tanh));
  return info.Env().Undefined();
}

Napi::Value Device::gelu_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "geluBackward");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* dx = arguments.tensor("dx");
  const int64_t count = arguments.size("count");
  const int32_t tanh = arguments.flag("tanh");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.gelu_backward(device_, dy, x, dx, count, tanh, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::add(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "add");
  const outright_tensor* a = arguments.tensor("a");
  const outright_tensor* b = arguments.tensor("b");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t count = arguments.size("count");
  expect(info.Env(), functions.add(device_, a, b, y, count));
  return info.Env().Undefined();
}

Napi::Value Device::scale(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "scale");
  const outright_tensor* x = arguments.tensor("x");
  const double factor = arguments.number("factor");
  const int64_t count = arguments.size("count");
  expect(info.Env(), functions.scale(device_, x, factor, count));
  return info.Env().Undefined();
}

Napi::Value Device::gather_rows(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "gatherRows");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* rows = arguments.tensor("rows");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t N = arguments.size("N");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  expect(info.Env(), functions.gather_rows(device_, x, rows, y, N, T, D));
  return info.Env().Undefined();
}

Napi::Value Device::gather_rows_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "gatherRowsBackward");
  const outright_tensor* dy = arguments.tensor("dy");
  const outright_tensor* rows = arguments.tensor("rows");
  const outright_tensor* dx = arguments.tensor("dx");
  const int64_t N = arguments.size("N");
  const int64_t T = arguments.size("T");
  const int64_t D = arguments.size("D");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.gather_rows_backward(device_, dy, rows, dx, N, T, D, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::logprob_head(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "logprobHead");
  const outright_tensor* h = arguments.tensor("h");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* targets = arguments.tensor("targets");
  const outright_tensor* logp = arguments.tensor("logp");
  const outright_tensor* lse = arguments.tensor("lse");
  const outright_tensor* cache = arguments.optional("cache");
  const int64_t N = arguments.size("N");
  const int64_t D = arguments.size("D");
  const int64_t V = arguments.size("V");
  expect(info.Env(), functions.logprob_head(device_, h, w, targets, logp, lse, cache, N, D, V));
  return info.Env().Undefined();
}

Napi::Value Device::logprob_head_backward(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "logprobHeadBackward");
  const outright_tensor* h = arguments.tensor("h");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* targets = arguments.tensor("targets");
  const outright_tensor* lse = arguments.tensor("lse");
  const outright_tensor* logp = arguments.tensor("logp");
  const outright_tensor* g = arguments.tensor("g");
  const outright_tensor* cache = arguments.optional("cache");
  const outright_tensor* dh = arguments.tensor("dh");
  const outright_tensor* dw = arguments.optional("dw");
  const int64_t N = arguments.size("N");
  const int64_t D = arguments.size("D");
  const int64_t V = arguments.size("V");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.logprob_head_backward(device_, h, w, targets, lse, logp, g, cache, dh, dw, N,
                                                     D, V, accumulate));
  return info.Env().Undefined();
}

Napi::Value Device::head_cache_count(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "headCacheCount");
  const int32_t dtype = arguments.dtype("dtype");
  const int64_t N = arguments.size("N");
  const int64_t D = arguments.size("D");
  const int64_t V = arguments.size("V");
  const int64_t budget = arguments.size("budgetBytes");
  int64_t count = 0;
  expect(info.Env(), functions.head_cache_count(device_, dtype, N, D, V, budget, &count));
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value Device::head_workspace_bytes(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "headWorkspaceBytes");
  const int32_t dtype = arguments.dtype("dtype");
  const int64_t N = arguments.size("N");
  const int64_t D = arguments.size("D");
  const int64_t V = arguments.size("V");
  int64_t bytes = 0;
  expect(info.Env(), functions.head_workspace_bytes(device_, dtype, N, D, V, &bytes));
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

Napi::Value Device::sft_nll(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "sftNll");
  const outright_tensor* logp = arguments.tensor("logp");
  const outright_tensor* weights = arguments.tensor("weights");
  const outright_tensor* g = arguments.tensor("g");
  expect(info.Env(), functions.sft_nll(device_, logp, weights, g, arguments.size("N"), nullptr));
  return info.Env().Undefined();
}

Napi::Value Device::sequence_sums(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "sequenceSums");
  const outright_tensor* logp = arguments.tensor("logp");
  const outright_tensor* offsets = arguments.tensor("offsets");
  const int64_t S = offsets->count - 1;
  double* sums = arguments.float64("sums", S);
  const int64_t N = arguments.size("N");
  if (arguments.size("S") != S) arguments.complain("S", "does not fit the offsets");
  expect(info.Env(), functions.sequence_sums(device_, logp, offsets, sums, N, S));
  return info.Env().Undefined();
}

Napi::Value Device::dpo_sigmoid(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "dpoSigmoid");
  const outright_tensor* logp = arguments.tensor("logp");
  const outright_tensor* offsets = arguments.tensor("offsets");
  const int64_t P = (offsets->count - 1) / 2;
  const double* reference = arguments.float64("reference", 2 * P);
  const outright_tensor* g = arguments.tensor("g");
  const int64_t N = arguments.size("N");
  if (arguments.size("P") != P) arguments.complain("P", "does not fit the offsets");
  const double beta = arguments.number("beta");
  const double scale = arguments.number("scale");
  expect(info.Env(),
         functions.dpo_sigmoid(device_, logp, offsets, reference, g, nullptr, N, P, beta, scale, nullptr));
  return info.Env().Undefined();
}

Napi::Value Device::take_results(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "takeResults");
  double none = 0;
  double* results = nullptr;
  int64_t count = 0;
  if (!info[0].IsNull()) {
    results = arguments.float64("results", 0);
    count = static_cast<int64_t>(info[0].As<Napi::Float64Array>().ElementLength());
    if (count == 0) results = &none;  // an empty array may have no address
  }
  expect(info.Env(), functions.take_results(device_, results, count));
  return info.Env().Undefined();
}

Napi::Value Device::global_norm(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  const std::vector<outright_tensor> tensors = Arguments(info, buffers_, "globalNorm").tensors("handles");
  double norm = 0;
  expect(info.Env(),
         functions.global_norm(device_, tensors.data(), static_cast<int64_t>(tensors.size()), &norm));
  return Napi::Number::New(info.Env(), norm);
}

namespace {

// What both AdamW updates take, in their order.
struct AdamWArguments {
  std::vector<outright_tensor> params, lows, grads, m, v;
  outright_adamw_settings settings = {};

  explicit AdamWArguments(Arguments& arguments)
      : params(arguments.tensors("params")),
        lows(arguments.optionals("lows")),
        grads(arguments.tensors("grads")),
        m(arguments.tensors("m")),
        v(arguments.tensors("v")) {
    if (grads.size() != params.size() || m.size() != params.size() || v.size() != params.size() ||
        (!lows.empty() && lows.size() != params.size()))
      arguments.complain("params, lows, grads, m and v", "must have equal lengths");
    const Napi::Object object = arguments.object("settings");
    settings.lr = setting(arguments, object, "lr");
    settings.beta1 = setting(arguments, object, "beta1");
    settings.beta2 = setting(arguments, object, "beta2");
    settings.eps = setting(arguments, object, "eps");
    settings.weight_decay = setting(arguments, object, "weightDecay");
    settings.step = static_cast<int64_t>(setting(arguments, object, "step"));
    settings.grad_scale = setting(arguments, object, "gradScale");
    settings.seed = static_cast<uint64_t>(setting(arguments, object, "seed"));
  }
  const outright_tensor* lows_or_null() const { return lows.empty() ? nullptr : lows.data(); }
  int64_t count() const { return static_cast<int64_t>(params.size()); }
};

}  // namespace

Napi::Value Device::adamw(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "adamW");
  const AdamWArguments a(arguments);
  expect(info.Env(), functions.adamw(device_, a.params.data(), a.lows_or_null(), a.grads.data(), a.m.data(),
                                     a.v.data(), a.count(), &a.settings));
  return info.Env().Undefined();
}

Napi::Value Device::adamw_clipped(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "adamWClipped");
  const AdamWArguments a(arguments);
  const double clip = arguments.number("clip");
  double norm = 0;
  expect(info.Env(), functions.adamw_clipped(device_, a.params.data(), a.lows_or_null(), a.grads.data(),
                                             a.m.data(), a.v.data(), a.count(), &a.settings, clip, &norm));
  return Napi::Number::New(info.Env(), norm);
}

Napi::Value Device::cast(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "cast");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t count = arguments.size("count");
  expect(info.Env(), functions.cast(device_, x, y, count));
  return info.Env().Undefined();
}

Napi::Value Device::split_master(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "splitMaster");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* low = arguments.tensor("low");
  const int64_t count = arguments.size("count");
  expect(info.Env(), functions.split_master(device_, x, w, low, count));
  return info.Env().Undefined();
}

Napi::Value Device::join_master(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "joinMaster");
  const outright_tensor* w = arguments.tensor("w");
  const outright_tensor* low = arguments.tensor("low");
  const outright_tensor* x = arguments.tensor("x");
  const int64_t count = arguments.size("count");
  expect(info.Env(), functions.join_master(device_, w, low, x, count));
  return info.Env().Undefined();
}

Napi::Value Device::dropout(const Napi::CallbackInfo& info) {
  const outright_backend& functions = table(info.Env());
  Arguments arguments(info, buffers_, "dropout");
  const outright_tensor* x = arguments.tensor("x");
  const outright_tensor* y = arguments.tensor("y");
  const int64_t count = arguments.size("count");
  const double p = arguments.number("p");
  const int64_t seed = arguments.size("seed");
  const int32_t accumulate = arguments.flag("accumulate");
  expect(info.Env(), functions.dropout(device_, x, y, count, p, static_cast<uint64_t>(seed), accumulate));
  return info.Env().Undefined();
}

}  // namespace outright::napi
