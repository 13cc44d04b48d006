#include "nn/attention.h"

#include "ops/spatial_attention.h"

namespace trecvit::nn {

Tensor Attention::operator()(const Tensor& x, const Norm& norm, std::int64_t output_tokens) const {
  const auto dtype = x.scalar_type();
  const std::int64_t frames = x.size(0), tokens = x.size(1), width = x.size(2);
  const auto qkv = ops::norm_linear(x, norm.weights(), {qkv_kernel->weight(dtype), qkv_bias->weight(dtype)});
  const Tensor mixed = ops::spatial_attention(qkv.out.view({frames, tokens, 3, heads, width / heads}));
  const auto first = [&](const Tensor& all) { return output_tokens == tokens ? all : all.narrow(1, 0, output_tokens); };
  return ops::linear(first(mixed), {out_kernel->weight(dtype).view({width, width}), out_bias->weight(dtype)},
                     first(qkv.skip));
}

Attention make_attention(ParameterStore& store, const std::string& name, std::int64_t width, std::int64_t heads) {
  const std::int64_t head_width = width / heads;
  Attention a;
  a.heads = heads;
  // Each of the three is drawn as a matrix [C, C] of its own, whatever leaf holds it.
  a.qkv_kernel = store.add_columns({name + "/query/kernel", name + "/key/kernel", name + "/value/kernel"}, width, width,
                                   {width, heads, head_width}, /*decay=*/true, uniform(xavier_limit(width, width)));
  a.qkv_bias = store.add_columns({name + "/query/bias", name + "/key/bias", name + "/value/bias"}, 1, width,
                                 {heads, head_width}, /*decay=*/false, zeros());
  a.out_kernel =
      store.add(name + "/out/kernel", {heads, head_width, width}, /*decay=*/true, uniform(xavier_limit(width, width)));
  a.out_bias = store.add(name + "/out/bias", {width}, /*decay=*/false, zeros());
  return a;
}

}  // namespace trecvit::nn
