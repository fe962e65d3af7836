// A model of one's own: one block used twice, a module of one's own in between.
#include <hooked/hooked.hpp>
#include <iostream>

#include "task.hpp"

using namespace hooked;

// Each number of the stream times a weight of its own.
struct Gate {
  ParameterId w;
  SiteId hook_out;
  Gate(const Builder& b, Index d_model)
      : w(b.parameter("w", {d_model})),  // parameters named ".w" begin as 1
        hook_out(b.site("hook_out", {Axis::batch, Axis::pos, {Axis::d_model, d_model}})) {}
  Variable<float> operator()(Pass<float>& pass, Variable<float> x) const {
    return pass.at(hook_out, record<ScaleColumns>({}, x, pass[w]));
  }
};

struct Twice {
  Embed<float> embed;
  TransformerBlock<float> block;
  Gate gate;
  Unembed<float> unembed;
  explicit Twice(const Builder& b)
      : embed(b, {.d_vocab = 11, .d_model = 32, .n_ctx = 4}),
        block(b.in("block"), {.d_model = 32, .n_heads = 2, .d_head = 16, .d_mlp = 64}),
        gate(b.in("gate"), 32),
        unembed(b.in("unembed"), {.d_model = 32, .d_vocab_out = 10}) {}
  Variable<float> operator()(Pass<float>& pass, View<const Token> tokens) const {
    const Stream<float> once = block(pass, embed(pass, tokens));
    const Stream<float> twice = block(pass, gate(pass, dense(once.resid)));
    return unembed(pass, at_positions(twice.resid, pass.positions()));
  }
};

int main(int argc, char** argv) {
  const auto ranks = Ranks::world();
  const Dataset data = largest_digit();
  Model<Twice> model(Seed{0});
  train(model, data, options_of(argc, argv, ranks));
  // The block fires twice: "NAME:0" is its first call, "NAME" its last.
  const auto cache =
      model.run_with_cache(data.tokens, {.names = {"block.attn.hook_pattern"}}).cache;
  const double accuracy = evaluate(model, data).accuracy;
  const double once = evaluate(model, data, {zero("block.hook_attn_out:0")}).accuracy;
  std::cout << "accuracy " << accuracy << ", without the first call's attention " << once << "; "
            << cache["block.attn.hook_pattern:0"].shape() << "\n";
  return accuracy > 0.95 && once < accuracy ? 0 : 1;
}
