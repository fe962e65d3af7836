// What is not looked at is not computed: the short way must give what the long way gives. And
// gradients of whole models against central differences.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "golden_model.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/testing/bits.hpp"
#include "random_configs.hpp"

namespace hooked {
namespace {

/// Logits and loss at some positions, and the gradients of that loss.
template <Scalar T>
struct Outcome {
  Tensor<T> logits;
  double loss;
  Tensor<T> gradients;
};

/// `pass_positions` are computed (empty: all), the loss reads `positions`.
template <Scalar T>
Outcome<T> run(const Transformer<T>& model, const Tensor<Token>& tokens,
               const Tensor<Token>& labels, const std::vector<Token>& positions, bool fast,
               HookPlan<T>* plan, const RunOptions& options = {}) {
  Pass<T> pass(model.parameters());
  pass.begin({.gradients = true, .positions = fast ? positions : std::vector<Token>()}, plan);
  auto logits = model.forward(pass, tokens, options);
  if (!fast) logits = at_positions(logits, std::span<const Token>(positions));
  const auto loss = cross_entropy(logits, labels.view());
  pass.backward(loss);
  return {Tensor<T>(logits.value()), static_cast<double>(loss.value().item()), pass.gradients()};
}

/// The largest difference, in units of the largest element (or of 1).
template <Scalar T>
double difference(View<const T> a, View<const T> b) {
  REQUIRE(a.shape() == b.shape());
  const auto A = Tensor<T>(a), B = Tensor<T>(b);
  double largest = 0.0, size = 1.0;
  for (Index i = 0; i < A.numel(); ++i) {
    largest = std::max(largest, static_cast<double>(std::abs(A.data()[i] - B.data()[i])));
    size = std::max(size, static_cast<double>(std::abs(B.data()[i])));
  }
  return largest / size;
}

TEMPLATE_TEST_CASE("Wanted positions and distinct rows give what the full run gives", "", float,
                   double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-12;
  const Index batch = 8;
  for (Index i = 0; i < 2 * golden::kPlainConfigs; ++i) {
    const auto model = golden::model<T>(golden::config_number(i));
    const Index length = model.config().n_ctx - 1;  // also more keys than attention calls few
    Random random(Seed{static_cast<std::uint64_t>(i)}, "run");
    const bool repeated = i % 2 == 0;
    Tensor<Token> tokens({batch, length});
    for_each_element(tokens.view(), [&](Index, Token& t) {
      t = static_cast<Token>(random.below(repeated ? 2 : model.config().d_vocab));
    });
    RunOptions options;
    if (i % 5 == 3) {  // padding on the left
      options.attention_mask = Tensor<std::uint8_t>(tokens.shape(), 1);
      for (Index b = 0; b < batch; ++b) {
        for (Index p = 0; p < b % 3; ++p) options.attention_mask(b, p) = 0;
      }
    }
    for (const std::vector<Token>& positions :
         {std::vector<Token>{4}, std::vector<Token>{0, 3}, std::vector<Token>{0, 1, 2, 3, 4}}) {
      Tensor<Token> labels({batch, static_cast<Index>(positions.size())});
      for_each_element(labels.view(),
                       [&](Index, Token& t) { t = static_cast<Token>(random.below(5)); });
      // The long way: every site is looked at, so every row of every activation is computed.
      HookPlan<T> looks_everywhere = model.plan();
      looks_everywhere.keep("*", false);
      const auto full = run(model, tokens, labels, positions, false, &looks_everywhere, options);

      HookPlan<T> nobody_looks = model.plan(), somebody_looks = model.plan();
      SiteId site = static_cast<SiteId>(random.below(model.sites().size()));
      somebody_looks.keep(model.sites()[site].name, true);
      CAPTURE(i, positions, model.sites()[site].name);
      for (HookPlan<T>* plan : {&nobody_looks, &somebody_looks}) {
        for (const bool fast : {false, true}) {
          const auto short_way = run(model, tokens, labels, positions, fast, plan, options);
          CHECK(difference<T>(short_way.logits, full.logits) < tolerance);
          CHECK(std::abs(short_way.loss - full.loss) < tolerance * std::max(1.0, full.loss));
          CHECK(difference<T>(short_way.gradients, full.gradients) < tolerance);
        }
      }
    }
  }
}

TEST_CASE("Threads and parts of the batch change no bit of logits or caches") {
  TransformerConfig c{.n_layers = 2,
                      .d_model = 64,
                      .n_ctx = 24,
                      .n_heads = 4,
                      .d_head = 16,
                      .d_mlp = 256,
                      .d_vocab = 50,
                      .act_fn = Activation::gelu};
  const bool bidirectional = GENERATE(false, true);
  if (bidirectional) c.attention_dir = AttentionDirection::bidirectional;
  const Transformer<float> model(c, Seed{1});
  Random random(Seed{1}, "tokens");
  Tensor<Token> tokens({37, 24});
  for_each_element(tokens.view(),
                   [&](Index, Token& t) { t = static_cast<Token>(random.below(50)); });
  RunOptions options;
  if (bidirectional) {
    options.attention_mask = Tensor<std::uint8_t>(tokens.shape(), 1);
    for (Index b = 0; b < 37; ++b) options.attention_mask(b, b % 20) = 0;
  }
  // A hook that only looks keeps the batch whole.
  const auto look = [](View<const float>, const HookPoint&) {};
  const Tensor<float> whole =
      model.run_with_hooks(tokens, {Hook<float>("blocks.0.hook_resid_pre", look)}, options);
  const auto cache_of = [&](int threads) {
    RunOptions own = options;
    own.threads = threads;
    return model.run_with_cache(tokens, {.run = own});
  };
  const auto first = cache_of(1);
  CHECK(testing::bit_difference(first.logits, whole) == "");
  for (const int threads : {0, 1, 2, 3, 8}) {
    CAPTURE(threads);
    RunOptions own = options;
    own.threads = threads;
    CHECK(testing::bit_difference(model(tokens, own), whole) == "");
    const auto [logits, cache] = cache_of(threads);
    CHECK(testing::bit_difference(logits, whole) == "");
    REQUIRE(cache.names() == first.cache.names());
    for (const auto& [name, value] : cache) {
      CAPTURE(name);
      CHECK(testing::bit_difference(value, first.cache[name]) == "");
    }
  }
  options.threads = -1;
  CHECK_THROWS_WITH(model(tokens, options), "threads is -1, it cannot be negative");
}

TEST_CASE("A model that was copied, moved or assigned runs with its own weights") {
  auto model = golden::model<float>();
  const Tensor<float> before = model(golden::tokens());
  auto copy = model;
  copy["unembed.b_U"].array() += 1.0f;
  CHECK(testing::bit_difference(model(golden::tokens()), before) == "");
  CHECK(copy(golden::tokens())(0, 0, 0) == Approx(before(0, 0, 0) + 1.0f));
  const auto moved = std::move(copy);
  CHECK(moved(golden::tokens())(0, 0, 0) == Approx(before(0, 0, 0) + 1.0f));
  TransformerConfig other = golden::config();
  other.n_layers = 1;
  model = golden::model<float>(other);
  CHECK(testing::bit_difference(model(golden::tokens()),
                                golden::model<float>(other)(golden::tokens())) == "");
}

TEST_CASE("Where many tokens repeat, only distinct rows are computed") {
  // One block without a look inside: 4 distinct (token, position) rows instead of 40.
  TransformerConfig c = golden::config_number(0);
  const auto model = golden::model(c);
  const Tensor<Token> tokens({20, 2}, std::vector<Token>(40, 3));
  Pass<double> pass(model.parameters());
  const auto bytes_of = [&](HookPlan<double>* plan) {
    pass.begin({}, plan);
    (void)model.forward(pass, tokens);
    return pass.tape().arena().bytes_used();
  };
  HookPlan<double> looks = model.plan();
  looks.keep("hook_embed", false);
  CHECK(bytes_of(nullptr) < bytes_of(&looks));
}

TEST_CASE("Without hooks and gradients a long run takes the memory of one block, not of all") {
  TransformerConfig c = golden::config();
  c.d_model = 64, c.n_ctx = 32;
  const Tensor<Token> tokens({128, 32}, Token{3});
  const auto bytes_of = [&](Index layers, bool drops) {
    c.n_layers = layers;
    const auto model = golden::model(c);
    Pass<double> pass(model.parameters());
    pass.begin({});
    pass.drop_blocks(drops);
    const auto logits = model.forward(pass, tokens);
    CHECK(testing::bit_difference(Tensor<double>(logits.value()), model(tokens)) == "");
    return pass.tape().arena().bytes_used();
  };
  CHECK(bytes_of(8, false) > 2 * bytes_of(3, false));
  CHECK(10 * bytes_of(8, true) < 11 * bytes_of(5, true));
}

TEST_CASE("Logits that are too many to stand on the tape are the same as one by one") {
  TransformerConfig c = golden::config();
  c.d_vocab_out = 1'200'000;  // six rows to a piece
  c.n_layers = 1;
  const auto model = golden::model<float>(c);
  const auto tokens = golden::tokens();
  const Tensor<float> all = model(tokens);
  CHECK(all.shape() == Shape{2, 8, 1'200'000});
  for (const Token p : {0, 5, 7}) {
    const Tensor<float> one = model(tokens, {.positions = {p}});
    CHECK(testing::bit_difference(one, Tensor<float>(all.slice(1, p, p + 1))) == "");
  }
  const auto loss = model.loss_per_token(tokens);
  const auto direct = log_softmax(all.select(0, 1).select(0, 6), -1);
  CHECK(loss(1, 6) == Approx(-direct(tokens(1, 7))));
  CHECK(model.loss(tokens) == Approx(mean(loss).item()));
}

TEST_CASE("A hook sees the full activation whatever is wanted") {
  const auto model = golden::model();
  const auto full = model.run_with_cache(golden::tokens());
  const auto wanted = model.run_with_cache(golden::tokens(), {.run = {.positions = {2, 7}}});
  CHECK(wanted.logits.shape() == Shape{2, 2, 10});
  CHECK(difference<double>(wanted.logits.select(1, 0), full.logits.select(1, 2)) < 1e-14);
  CHECK(difference<double>(wanted.logits.select(1, 1), full.logits.select(1, 7)) < 1e-14);
  for (const auto& [name, value] : full.cache) {
    CHECK(wanted.cache[name].shape() == value.shape());
  }
  // Wanted positions hold for the stream at stop_at_layer too.
  const auto stream = model(golden::tokens(), {.stop_at_layer = 1, .positions = {7}});
  CHECK(difference<double>(stream.select(1, 0),
                           full.cache["blocks.1.hook_resid_pre"].select(1, 7)) < 1e-14);
}

// Central differences.

/// A random direction of the shape of `x`, the same for the same name.
Tensor<double> direction_for(const Shape& shape, const std::string& name) {
  Random random(Seed{7}, name);
  Tensor<double> d(shape);
  for_each_element(d.view(), [&](Index, double& value) { value = random.normal(); });
  return d;
}

double dot(View<const double> a, View<const double> b) {
  const Tensor<double> other(b);
  double sum = 0.0;
  for_each_element(a, [&](Index i, const double& x) { sum += x * other.data()[i]; });
  return sum;
}

/// <cotangent, logits> as a scalar that can be walked back from.
auto along(const Tensor<double>& cotangent) {
  return [&cotangent](Variable<double> logits) {
    const auto weights = logits.tape().constant_copy(cotangent.view());
    return record<hooked::Sum>({1.0}, record<Multiply>({}, logits, weights));
  };
}

TEST_CASE("Gradients of whole models agree with central differences along random directions") {
  for (Index i = 0; i < 48; ++i) {
    auto model = golden::model(golden::config_number(i < 24 ? i : golden::kPlainConfigs + i));
    const Tensor<Token> tokens({2, 4}, {1, 2, 0, 4, 3, 3, 1, 2});
    RunOptions options;
    if (i % 3 == 1) options.attention_mask = Tensor<std::uint8_t>({2, 4}, {0, 1, 1, 1, 1, 1, 1, 0});
    if (i % 3 == 2) options.positions = {1, 3};
    const Tensor<double> cotangent = direction_for(model(tokens, options).shape(), "cotangent");

    HookPlan<double> nobody_looks = model.plan();
    Pass<double> pass(model.parameters());
    pass.begin({.gradients = true, .positions = options.positions}, &nobody_looks);
    pass.backward(along(cotangent)(model.forward(pass, tokens, options)));

    for (const std::string& name : model.parameters().names()) {
      CAPTURE(i, name);
      const View<double> parameter = model[name];
      const Tensor<double> kept(parameter), d = direction_for(parameter.shape(), name);
      const auto at = [&](double h) {
        for_each_element(parameter,
                         [&](Index k, double& x) { x = kept.data()[k] + h * d.data()[k]; });
        return dot(model(tokens, options), cotangent);
      };
      const double h = 1e-5, slope = (at(h) - at(-h)) / (2 * h);
      (void)at(0.0);
      CHECK(dot(pass.gradient(name), d) == Approx(slope).epsilon(1e-6).margin(1e-7));
    }
  }
}

TEST_CASE("Gradients at every site agree with central differences along random directions") {
  TransformerConfig c = golden::config();
  std::vector<SiteSelector> names{"*", "*.hook_result", "*.hook_mlp_in"};
  bool split = false;
  SECTION("one stream") {}
  SECTION("an input for each head") { names.push_back("*.hook_attn_in"); }
  SECTION("an input for each of q, k and v") {
    names.insert(names.end(), {"*.hook_q_input", "*.hook_k_input", "*.hook_v_input"});
    split = true;
  }
  SECTION("parallel, bidirectional, RMS") {
    c.parallel_attn_mlp = true;
    c.attention_dir = AttentionDirection::bidirectional;
    c.normalization = Normalization::RMS;
  }
  const auto model = golden::model(c);
  const auto tokens = golden::tokens();
  const Tensor<double> cotangent = direction_for({2, 8, 10}, "cotangent");
  const auto cache =
      model.run_with_cache(tokens, {.names = names, .gradient_of = along(cotangent)}).cache;
  for (const Site& site : model.sites()) {
    if (!cache.contains(site.name)) continue;
    // With inputs of their own, a hook at ln1 is not called where the cache looked.
    if (names.size() > 3 && site.name.find(".ln1.") != std::string::npos) continue;
    CAPTURE(site.name, split);
    Tensor<double> d = direction_for(cache[site.name].shape(), site.name);
    const auto at = [&](double h) {
      Tensor<double> step(d.shape());
      for (Index k = 0; k < d.numel(); ++k) step.data()[k] = h * d.data()[k];
      return dot(model.run_with_hooks(tokens, {add(site.name, step)}), cotangent);
    };
    const double h = 1e-5, slope = (at(h) - at(-h)) / (2 * h);
    CHECK(dot(cache[site.name + "_grad"], d) == Approx(slope).epsilon(1e-6).margin(1e-7));
  }
}

TEST_CASE("A frozen parameter gets no gradient, and the others keep theirs") {
  auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto gradients = [&](Pass<double>& pass) {
    pass.begin({.gradients = true});
    pass.backward(golden::next_token_loss<double>(tokens)(model.forward(pass, tokens)));
  };
  Pass<double> pass(model.parameters()), free(model.parameters());
  gradients(free);
  gradients(pass);  // so that there is something left over to be cleared
  model.parameters().freeze("blocks.0.attn.*");
  gradients(pass);
  for (const std::string& name : model.parameters().names()) {
    CAPTURE(name);
    const Tensor<double> zeros(model[name].shape());
    const View<const double> expected =
        name.starts_with("blocks.0.attn.") ? zeros.view() : free.gradient(name);
    CHECK(difference<double>(pass.gradient(name), expected) < 1e-15);
  }
  CHECK_THROWS_WITH(model.parameters().freeze("blocks.7.*"),
                    Catch::Matchers::ContainsSubstring("no parameter is named \"blocks.7.*\""));
}

TEST_CASE("A parameter that the output does not depend on has the gradient zero") {
  // At stop_at_layer 1 nothing above block 0 matters, though a run before it did.
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  Pass<double> pass(model.parameters());
  pass.begin({.gradients = true});
  pass.backward(golden::next_token_loss<double>(tokens)(model.forward(pass, tokens)));
  CHECK(dot(pass.gradient("unembed.W_U"), pass.gradient("unembed.W_U")) > 0.1);
  pass.begin({.gradients = true});
  pass.backward(record<hooked::Sum>({1.0}, model.forward(pass, tokens, {.stop_at_layer = 1})));
  CHECK(dot(pass.gradient("unembed.W_U"), pass.gradient("unembed.W_U")) == 0.0);
  CHECK(dot(pass.gradient("blocks.1.attn.W_Q"), pass.gradient("blocks.1.attn.W_Q")) == 0.0);
  CHECK(dot(pass.gradient("blocks.0.mlp.W_in"), pass.gradient("blocks.0.mlp.W_in")) > 0.1);
}

TEST_CASE("Backward is refused where it would give wrong numbers") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto loss = golden::next_token_loss<double>(tokens);
  Pass<double> pass(model.parameters());
  pass.begin({});
  const auto without = loss(model.forward(pass, tokens));
  CHECK_THROWS_WITH(pass.backward(without),
                    "backward: the run keeps no gradients; begin it with {.gradients = true}");
  pass.begin({.gradients = true});
  CHECK_THROWS_WITH(pass.gradient("embed.W_E"),
                    "there is no gradient of embed.W_E before backward");
  const auto with = loss(model.forward(pass, tokens));
  CHECK_THROWS_WITH(pass.backward(model.forward(pass, tokens)),
                    Catch::Matchers::ContainsSubstring("backward wants a scalar"));
  pass.backward(with);
  CHECK_THROWS_WITH(pass.backward(with),
                    "backward: this run was walked back already; begin a new one");
  CHECK_THROWS_AS(pass.gradient("embed.W_F"), NameError);
}

}  // namespace
}  // namespace hooked
