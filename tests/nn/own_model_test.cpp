// Models of one's own, and passes used the wrong way.
#include "hooked/nn/model.hpp"

#include "catch.hpp"
#include "golden_model.hpp"
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/nn/splice.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/optimizer.hpp"
#include "io/scratch.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using scratch::error_of;

/// x -> relu(x W) with a site.
struct Layer {
  ParameterId W, b;
  SiteId hook_pre;
  Layer(const Builder& builder, Index width)
      : W(builder.parameter("W_map", {width, width})),
        b(builder.parameter("b_map", {width})),
        hook_pre(builder.site("hook_pre", {Axis::batch, {Axis::d_model, width}})) {}
  Variable<double> operator()(Pass<double>& pass, Variable<double> x) const {
    return record<Relu>({}, pass.at(hook_pre, record<Linear>({}, x, pass[W], pass[b])));
  }
};

TEST_CASE("A network of one's own has hooks, a cache and gradients at sites") {
  const Model<Layer> model(Seed{1}, Index{4});
  const Tensor<double> x({3, 4}, {1, 2, 3, 4, -1, 0, 1, 2, 0, 0, 0, 1});
  const Tensor<double> y = model(x);
  CHECK(y.shape() == Shape{3, 4});
  const auto [out, cache] =
      model.run_with_cache(x, {.gradient_of = [](Variable<double> v) { return sum(v); }});
  CHECK(testing::bit_difference(out, y) == "");
  const Tensor<double>& pre = cache["hook_pre"];
  for (Index i = 0; i < 12; ++i) {
    CHECK(y.data()[i] == std::max(pre.data()[i], 0.0));
    CHECK(cache["hook_pre_grad"].data()[i] == (pre.data()[i] > 0 ? 1.0 : 0.0));
  }
  CHECK(model.run_with_hooks(x, {zero("hook_pre")}).array().abs().maxCoeff() == 0.0);
  CHECK(error_of<ConfigError>([&] { (void)model(x, {.stop_at_layer = 0}); }) ==
        "this network's function takes no RunOptions, so stop_at_layer and attention_mask would "
        "change nothing");
  CHECK(error_of<ConfigError>([&] {
          (void)model(x, {.positions = {0, 1}});
        }) ==
        "the run wants 2 positions, but the network gives [3, 4]: it must take them, as "
        "at_positions(x, pass.positions()) does");
}

TEST_CASE("A model that is spliced in takes the activation's place, and gradients flow through") {
  const auto model = golden::model();
  const Model<Layer> layer(Seed{2}, Index{8});
  const std::string site = "blocks.1.hook_resid_pre";
  const auto tokens = golden::tokens();
  const auto clean = model.run_with_cache(tokens, {.names = {site}}).cache;
  const Tensor<double> replaced = layer(clean[site]);
  const auto by_hand = model.run_with_hooks(tokens, {replace(site, replaced)});
  CHECK(testing::bit_difference(model.run_with_hooks(tokens, {splice(site, layer)}), by_hand) ==
        "");
  const auto gradient = [&](std::vector<Hook<double>> hooks) {
    return model
        .run_with_cache(tokens, {.names = {"blocks.0.hook_resid_pre"},
                                 .hooks = std::move(hooks),
                                 .gradient_of =
                                     [](Variable<double> l) {
                                       return element(l, {0, -1, 3});
                                     }})
        .cache["blocks.0.hook_resid_pre_grad"]
        .array()
        .abs()
        .maxCoeff();
  };
  CHECK(gradient({splice(site, layer)}) > 1e-6);
  CHECK(gradient({replace(site, replaced)}) == 0.0);
}

TEST_CASE("A pass that has not begun, or is another model's, is an error") {
  const auto model = golden::model(), other = golden::model();
  Pass<double> pass(model.parameters());
  CHECK(error_of<Error>([&] { (void)model.forward(pass, golden::tokens()); }) ==
        "the pass has not begun: call pass.begin() before the model runs");
  pass.begin({});
  CHECK_THAT(error_of<Error>([&] { (void)other.forward(pass, golden::tokens()); }),
             ContainsSubstring("the pass is over other parameters than this model's"));
  CHECK(model.forward(pass, golden::tokens()).shape().rank() == 3);
  Pass<double> idle(model.parameters());
  CHECK_THAT(error_of<Error>([&] { (void)idle[ParameterId{0}]; }),
             ContainsSubstring("the pass binds no parameter number 0"));
}

TEST_CASE("Two parameters of one name are refused") {
  ParameterLayout layout;
  layout.add("W", {2});
  CHECK(error_of<NameError>([&] { layout.add_heads("W", 2, 3, 4); }) ==
        "there are two parameters named \"W\"");
  CHECK(layout.size() == 1);
}

TEST_CASE("An optimizer refuses parameters of another layout, however large") {
  ParameterLayout ab, ba;
  ab.add("a", {2}), ab.add("b", {2});
  ba.add("b", {2}), ba.add("a", {2});
  Parameters<double> one(ab), two(ba);
  Optimizer<double> optimizer(Sgd{}, one);
  const Tensor<double> gradients(Shape{ab.slab_size()});
  optimizer.step(one, gradients, 1.0, 0, ab.slab_size());
  CHECK_THAT(error_of<ShapeError>([&] { optimizer.step(two, gradients, 1.0, 0, 32); }),
             ContainsSubstring("it was made for a model of another layout"));
  CHECK_THAT(error_of<ShapeError>([&] { optimizer.step(one, Tensor<double>({5}), 1.0, 0, 5); }),
             ContainsSubstring("another layout"));
}

TEST_CASE("The error of a metric does not say that a module made it") {
  const auto model = golden::model();
  const auto metric = [](Variable<double> logits) {
    return sum(logits + logits.tape().constant_copy(Tensor<double>({2, 2})));
  };
  const std::string message = error_of<ShapeError>(
      [&] { (void)model.run_with_cache(golden::tokens(), {.gradient_of = metric}); });
  CHECK(message.find("unembed") == std::string::npos);
  CHECK(message.find("add") != std::string::npos);
}

TEST_CASE("Tokens are checked before a cache takes memory") {
  auto c = golden::config();
  c.n_ctx = 1 << 20;  // patterns of a sequence of that length would be terabytes
  const auto model = golden::model(c);
  const Tensor<Token> tokens({1, 1 << 20}, 999);
  CHECK_THAT(error_of<ShapeError>([&] { (void)model.run_with_cache(tokens); }),
             ContainsSubstring("outside the vocabulary"));
}

TEST_CASE("A matrix that would begin at zero, and a vector that cannot be drawn, are errors") {
  struct Named {
    explicit Named(const Builder& b, const std::string& name, Index rank) {
      b.parameter(name, rank == 1 ? Shape{3} : Shape{3, 3});
    }
    Variable<double> operator()(Pass<double>&, Variable<double> x) const { return x; }
  };
  CHECK_THAT(error_of<ConfigError>([] { Model<Named>(Seed{0}, std::string("weights"), Index{2}); }),
             ContainsSubstring("the parameter weights is [3, 3]: matrices have \"W_\""));
  CHECK_THAT(error_of<ConfigError>([] { Model<Named>(Seed{0}, std::string("W_x"), Index{1}); }),
             ContainsSubstring("the parameter W_x is [3]"));
}

TEST_CASE("Modules refuse what they do not know") {
  ParameterLayout parameters;
  SiteTable sites;
  const Builder b{parameters, sites, "m."};
  const auto bad = static_cast<Activation>(99);
  CHECK_THAT(
      error_of<ConfigError>([&] { Mlp<float>(b, {.d_model = 2, .d_mlp = 2, .act_fn = bad}); }),
      ContainsSubstring("activation number 99"));
  CHECK(error_of<ConfigError>([&] {
          Embed<float>(b, {.d_vocab = 2,
                           .d_model = 2,
                           .n_ctx = 2,
                           .positions = static_cast<PositionalEmbedding>(7)});
        }) == "there is no positional embedding number 7");
  CHECK_THAT(error_of<ConfigError>([&] { Mlp<float>(b.in("x"), {.d_model = 2}); }),
             ContainsSubstring("has d_mlp 0: it must be at least 1"));
  CHECK(error_of<NameError>([&] {
          b.site("hook_twice", {Axis::batch});
          b.site("hook_twice", {Axis::batch});
        }) ==
        "there are two hook points \"m.hook_twice\": give each module a name of its own with "
        "Builder::in");
}

}  // namespace
}  // namespace hooked
