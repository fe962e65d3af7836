// Hooks, edits, caches and short names, on whole models.
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/hooks/cache_print.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/testing/bits.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Equals;

/// One block, LN, so small that all shapes differ: batch 2, pos 3, 2 heads of 4, d_model 5,
/// d_mlp 6.
TransformerConfig tiny() {
  return {.n_layers = 1,
          .d_model = 5,
          .n_ctx = 4,
          .n_heads = 2,
          .d_head = 4,
          .d_mlp = 6,
          .d_vocab = 7,
          .act_fn = Activation::gelu};
}
Tensor<Token> tiny_tokens() { return Tensor<Token>({2, 3}, {1, 2, 3, 4, 5, 6}); }

/// Every site that always fires, and the optional ones.
const std::vector<SiteSelector> kEverything{"*",
                                            "hook_tokens",
                                            "*.hook_q_input",
                                            "*.hook_k_input",
                                            "*.hook_v_input",
                                            "*.hook_result",
                                            "*.hook_mlp_in"};

/// Counts how often it is called.
struct Counter {
  std::shared_ptr<int> calls = std::make_shared<int>(0);
  void operator()(View<const double>, const HookPoint&) const { ++*calls; }
};
Hook<double> counting(const Counter& counter, const char* name = "hook_embed") {
  return Hook<double>(name, counter);
}

double largest_difference(View<const double> a, View<const double> b) {
  REQUIRE(a.shape() == b.shape());
  double largest = 0.0;
  const Tensor<double> other(b);
  for_each_element(a, [&](Index i, const double& x) {
    if (x != other.data()[i]) largest = std::max(largest, std::abs(x - other.data()[i]));
  });
  return largest;
}
bool equal(View<const double> a, View<const double> b) { return largest_difference(a, b) == 0.0; }

// Adding and removing.

TEST_CASE("A hook that was added acts in every run until hooks are reset") {
  auto model = golden::model(tiny());
  const Counter counter;
  model.add_hook(counting(counter));
  (void)model(tiny_tokens());
  (void)model(tiny_tokens());
  CHECK(*counter.calls == 2);
  model.reset_hooks();
  CHECK(model.n_hooks() == 0);
  (void)model(tiny_tokens());
  CHECK(*counter.calls == 2);
}

TEST_CASE("A permanent hook is removed only when permanent hooks are") {
  auto model = golden::model(tiny());
  const Counter counter;
  model.add_hook(counting(counter), {.is_permanent = true});
  model.reset_hooks();
  (void)model(tiny_tokens());
  CHECK(*counter.calls == 1);
  model.reset_hooks(/*including_permanent=*/true);
  CHECK(model.n_hooks() == 0);
}

TEST_CASE("The hooks of one run are gone after it") {
  const auto model = golden::model(tiny());
  const Counter counter;
  (void)model.run_with_hooks(tiny_tokens(), {counting(counter)});
  (void)model(tiny_tokens());
  CHECK(*counter.calls == 1);
}

TEST_CASE("Hooks leave with their scope, and hooks added before it stay") {
  auto model = golden::model(tiny());
  const Counter before, inside;
  model.add_hook(counting(before));
  {
    const auto scope = model.hooks({counting(inside)});
    CHECK(model.n_hooks() == 2);
    (void)model(tiny_tokens());
  }
  CHECK(model.n_hooks() == 1);
  (void)model(tiny_tokens());
  CHECK(*before.calls == 2);
  CHECK(*inside.calls == 1);
}

TEST_CASE("Scopes nest, and what is added inside one leaves with it unless it is permanent") {
  auto model = golden::model(tiny());
  const Counter counter;
  {
    const auto outer = model.hooks({counting(counter)});
    {
      const auto inner = model.hooks({counting(counter), counting(counter)});
      model.add_hook(counting(counter));
      model.add_hook(counting(counter), {.is_permanent = true});
      CHECK(model.n_hooks() == 5);
    }
    CHECK(model.n_hooks() == 2);
    (void)model(tiny_tokens());
    CHECK(*counter.calls == 2);
  }
  CHECK(model.n_hooks() == 1);
}

TEST_CASE("Scopes that end in another order than they began take only their own hooks") {
  auto model = golden::model(tiny());
  const Counter first, second, third;
  auto a = std::make_unique<HookList<double>::Scope>(model.hooks({counting(first)}));
  auto b = std::make_unique<HookList<double>::Scope>(model.hooks({counting(second)}));
  a.reset();
  auto c = std::make_unique<HookList<double>::Scope>(model.hooks({counting(third)}));
  b.reset();
  (void)model(tiny_tokens());
  CHECK(*first.calls == 0);
  CHECK(*second.calls == 0);
  CHECK(*third.calls == 1);
}

TEST_CASE("An exception takes the scope's hooks with it") {
  auto model = golden::model(tiny());
  try {
    const auto scope = model.hooks({counting({})});
    throw std::runtime_error("something went wrong in between");
  } catch (const std::runtime_error&) {
  }
  CHECK(model.n_hooks() == 0);
  CHECK_THROWS_AS((void)model.hooks({counting({}), counting({}, "no_such_hook")}), NameError);
  CHECK(model.n_hooks() == 0);
}

TEST_CASE("A hook that throws stops the run and leaves the model as it was") {
  auto model = golden::model(tiny());
  const Tensor<double> logits = model(tiny_tokens());
  const auto throwing = [](View<const double>, const HookPoint& point) {
    throw std::runtime_error("in " + point.name());
  };
  CHECK_THROWS_WITH(
      model.run_with_hooks(tiny_tokens(), {Hook<double>("blocks.0.mlp.hook_pre", throwing)}),
      "in blocks.0.mlp.hook_pre");
  CHECK(equal(model(tiny_tokens()), logits));
}

TEST_CASE("Hooks can be reset inside a scope") {
  auto model = golden::model(tiny());
  {
    const auto scope = model.hooks({counting({})});
    model.reset_hooks();
    CHECK(model.n_hooks() == 0);
    model.add_hook(counting({}));
  }
  CHECK(model.n_hooks() == 0);
}

TEST_CASE("Hooks act in the order in which they were added, prepended ones first") {
  // With the input of the unembedding zeroed last, nothing but b_U is left.
  auto model = golden::model(tiny());
  const Tensor<double> ones({5}, 1.0);
  model.add_hook(add("unembed.hook_in", ones));
  model.add_hook(zero("unembed.hook_in"));
  CHECK(equal(model(tiny_tokens()), model["unembed.b_U"].view().broadcast({2, 3, 7})));

  // Zeroed first and then set to one: b_U and the column sums of W_U.
  model.reset_hooks();
  model.add_hook(add("unembed.hook_in", ones));
  model.add_hook(zero("unembed.hook_in"), {.prepend = true});
  const Tensor<double> logits = model(tiny_tokens());
  for (Index v = 0; v < 7; ++v) {
    double expected = model["unembed.b_U"](v);
    for (Index m = 0; m < 5; ++m) expected += model["unembed.W_U"](m, v);
    CHECK(logits(1, 2, v) == Approx(expected));
  }
}

TEST_CASE("A hook of a run acts after the hooks that stay") {
  auto model = golden::model(tiny());
  model.add_hook(add("unembed.hook_in", Tensor<double>({5}, 1.0)));
  const Tensor<double> logits = model.run_with_hooks(tiny_tokens(), {zero("unembed.hook_in")});
  CHECK(equal(logits, model["unembed.b_U"].view().broadcast({2, 3, 7})));
}

// Where hooks fire, and what they see.

TEST_CASE("Hooks fire in the order of the table of sites, which is the order of the cache") {
  TransformerConfig c = tiny();
  SECTION("as usual") {}
  SECTION("parallel") { c.parallel_attn_mlp = true; }
  SECTION("attention only, no norms, no positions") {
    c.attn_only = true;
    c.normalization = Normalization::none;
    c.positional_embedding = PositionalEmbedding::none;
  }
  const auto model = golden::model(c);
  std::vector<std::string> fired, expected;
  const auto note = [&](View<const double>, const HookPoint& point) {
    const bool seen = std::find(fired.begin(), fired.end(), point.name()) != fired.end();
    if (!seen) fired.push_back(point.name());
  };
  (void)model.run_with_hooks(tiny_tokens(), {Hook<double>("*", note)});
  for (const Site& site : model.sites()) {
    if (!site.is_optional) expected.push_back(site.name);
  }
  CHECK(fired == expected);
  CHECK(model.run_with_cache(tiny_tokens()).cache.names() == expected);

  // The optional ones stand where they fire.
  if (c.attn_only) return;
  fired.clear();
  std::vector<Hook<double>> hooks;
  for (const SiteSelector& all : kEverything) hooks.emplace_back(all, note);
  hooks.emplace_back("*.hook_attn_in", note);
  (void)model.run_with_hooks(tiny_tokens(), hooks);
  CHECK(fired == model.sites().names());
}

TEST_CASE("Every activation has the shape that the table of sites says") {
  std::vector<SiteSelector> names = kEverything;
  SECTION("split inputs") {}
  SECTION("one input") { names = {"*", "*.hook_attn_in"}; }
  SECTION("nothing optional") { names = {"*"}; }
  TransformerConfig c = tiny();
  c.n_layers = 2;
  const auto model = golden::model(c);
  const AxisSizes sizes = model.axis_sizes(2, 3);
  std::size_t checked = 0;
  const auto check_shape = [&](View<const double> x, const HookPoint& point) {
    CAPTURE(point.name());
    if (x.rank() == static_cast<int>(point.site.axes.size())) {
      CHECK(x.shape() == point.site.shape(sizes));
    } else {
      CHECK(x.rank() == static_cast<int>(point.site.axes_per_head.size()));
    }
    CHECK(point.layer() == (point.name().starts_with("blocks.1") ? 1
                            : point.name().starts_with("blocks") ? 0
                                                                 : -1));
    ++checked;
  };
  std::vector<Hook<double>> hooks;
  for (const SiteSelector& name : names) hooks.emplace_back(name, check_shape);
  (void)model.run_with_hooks(tiny_tokens(), hooks);
  CHECK(checked > 35);
}

TEST_CASE("The optional hook points have one d_model vector for each head") {
  TransformerConfig c = tiny();
  c.n_layers = 2;
  const auto model = golden::model(c);
  const auto cache = model.run_with_cache(tiny_tokens(), {.names = kEverything}).cache;
  for (const char* name : {"blocks.1.hook_q_input", "blocks.1.hook_k_input",
                           "blocks.1.hook_v_input", "blocks.1.attn.hook_result"}) {
    CHECK(cache[name].shape() == Shape{2, 3, 2, 5});
  }
  CHECK(cache["blocks.1.hook_mlp_in"].shape() == Shape{2, 3, 5});
  CHECK(cache["blocks.1.ln1.hook_scale"].shape() == Shape{2, 3, 2, 1});
  // The declaration says so too: nothing has to guess.
  const SiteTable& sites = model.sites();
  CHECK(sites[sites.find("blocks.1.ln1.hook_scale")].axes_text(4) == "[batch, pos, head, 1]");
  CHECK(sites[sites.find("blocks.1.ln1.hook_scale")].axes_text(3) == "[batch, pos, 1]");
}

TEST_CASE("Optional hook points fire when they are asked for, and only then") {
  const auto model = golden::model(tiny());
  const auto kept = [&](std::vector<SiteSelector> names) {
    return model.run_with_cache(tiny_tokens(), {.names = std::move(names)}).cache.names();
  };
  using Names = std::vector<std::string>;
  const auto all = kept({"*"});
  CHECK(std::none_of(all.begin(), all.end(), [&](const std::string& name) {
    return model.sites()[model.sites().find(name)].is_optional;
  }));
  CHECK(kept({"blocks.0.attn.hook_result"}) == Names{"blocks.0.attn.hook_result"});
  CHECK(kept({"result0"}) == Names{"blocks.0.attn.hook_result"});
  CHECK(kept({"blocks.*.hook_mlp_in"}) == Names{"blocks.0.hook_mlp_in"});
  // Whatever fits nothing else asks for them too.
  CHECK(kept({"blocks.0.hook_?_input"}) ==
        Names{"blocks.0.hook_q_input", "blocks.0.hook_k_input", "blocks.0.hook_v_input"});
  CHECK(kept({[](std::string_view name) { return name.ends_with("attn_in"); }}) ==
        Names{"blocks.0.hook_attn_in"});
  // What only covers them does not.
  CHECK(kept({"blocks.0.attn.*"}).size() == 6);
  CHECK(kept({[](std::string_view name) { return name.find("mlp") != name.npos; }}) ==
        Names{"blocks.0.mlp.hook_pre", "blocks.0.mlp.hook_post", "blocks.0.hook_mlp_out"});
}

TEST_CASE("An edit at an optional hook point acts, wherever it is given") {  // D15
  auto model = golden::model(tiny());
  const auto of_z = model.run_with_hooks(tiny_tokens(), {zero("z0", {.heads = {1}})});
  const Hook<double> of_result = zero("blocks.0.attn.hook_result", {.heads = {1}});
  CHECK(!equal(of_z, model(tiny_tokens())));
  CHECK(largest_difference(model.run_with_hooks(tiny_tokens(), {of_result}), of_z) < 1e-14);
  {
    const auto scope = model.hooks({of_result});
    CHECK(largest_difference(model(tiny_tokens()), of_z) < 1e-14);
  }
  model.add_hook(of_result);
  CHECK(largest_difference(model(tiny_tokens()), of_z) < 1e-14);
}

TEST_CASE("A site that fires several times keeps its calls apart") {
  const auto model = golden::model(tiny());
  const std::vector<SiteSelector> names{"blocks.0.hook_q_input", "blocks.0.ln1.hook_scale"};
  const auto cache = model.run_with_cache(tiny_tokens(), {.names = names}).cache;
  CHECK(cache.names() ==
        std::vector<std::string>{"blocks.0.hook_q_input", "blocks.0.ln1.hook_scale:0",
                                 "blocks.0.ln1.hook_scale:1", "blocks.0.ln1.hook_scale"});
  std::vector<int> calls;
  const auto note = [&](View<const double>, const HookPoint& point) {
    calls.push_back(point.call);
  };
  (void)model.run_with_cache(tiny_tokens(),
                             {.names = names, .hooks = {Hook<double>("scale0ln1", note)}});
  CHECK(calls == std::vector<int>{0, 1, 2});
  // An edit of the second call, the keys', leaves queries and values alone.
  const auto edited =
      model
          .run_with_cache(tiny_tokens(), {.names = {"*", "blocks.0.hook_q_input"},
                                          .hooks = {scale("blocks.0.ln1.hook_scale:1", 2.0)}})
          .cache;
  const auto plain =
      model.run_with_cache(tiny_tokens(), {.names = {"*", "blocks.0.hook_q_input"}}).cache;
  CHECK(equal(edited["q0"], plain["q0"]));
  CHECK(!equal(edited["k0"], plain["k0"]));
  CHECK(equal(edited["v0"], plain["v0"]));
  CHECK_THROWS_WITH(model.run_with_hooks(tiny_tokens(), {zero("hook_embed:1")}),
                    ContainsSubstring("\"hook_embed:1\" never fired"));
}

TEST_CASE("A cache knows calls and gradients by short name and by number") {
  const auto model = golden::model(tiny());
  const std::vector<SiteSelector> names{"*", "blocks.0.hook_q_input"};
  const auto sum_of = [](Variable<double> logits) { return sum(logits); };
  const auto cache =
      model.run_with_cache(tiny_tokens(), {.names = names, .gradient_of = sum_of}).cache;
  const std::string scale = "blocks.0.ln1.hook_scale";
  CHECK(equal(cache["scale0ln1:0"], cache[scale + ":0"]));
  CHECK(equal(cache[scale + ":2"], cache[scale]));
  CHECK(!equal(cache[scale + "_grad"], cache[scale]));
  CHECK(equal(cache["scale0ln1_grad"], cache[scale + "_grad"]));
  CHECK(equal(cache["pattern0_grad"], cache["blocks.0.attn.hook_pattern_grad"]));
  CHECK(equal(cache["resid_pre0_grad"], cache["blocks.0.hook_resid_pre_grad"]));
  CHECK_THROWS_WITH(cache["pattern0:1"], ContainsSubstring("does not hold \"pattern0:1\""));
  // One call alone keeps its number.
  const auto one = model.run_with_cache(tiny_tokens(), {.names = {scale + ":1", names[1]}}).cache;
  CHECK(one.names() == std::vector<std::string>{"blocks.0.hook_q_input", scale + ":1"});
  CHECK(equal(one[scale + ":1"], cache[scale + ":1"]));
}

TEST_CASE("Short names are taken wherever names are") {
  auto model = golden::model(tiny());
  CHECK(equal(model.run_with_hooks(tiny_tokens(), {zero("q0")}),
              model.run_with_hooks(tiny_tokens(), {zero("blocks.0.attn.hook_q")})));
  CHECK(model.run_with_cache(tiny_tokens(), {.names = {"pattern0"}}).cache.names() ==
        std::vector<std::string>{"blocks.0.attn.hook_pattern"});
  model.add_hook(zero("mlp_out0"));
  CHECK(model.n_hooks() == 1);
}

TEST_CASE("A wrong hook name lists the nearest ones, wherever it is given") {
  auto model = golden::model(tiny());
  const auto text = ContainsSubstring(
      "no hook point is named \"blocks.0.attn.hook_patern\"; the nearest are: "
      "blocks.0.attn.hook_pattern, ");
  const char* typo = "blocks.0.attn.hook_patern";
  CHECK_THROWS_AS(model.run_with_hooks(tiny_tokens(), {zero(typo)}), NameError);
  CHECK_THROWS_WITH(model.run_with_hooks(tiny_tokens(), {zero(typo)}), text);
  CHECK_THROWS_WITH(model.run_with_cache(tiny_tokens(), {.names = {typo}}), text);
  CHECK_THROWS_WITH(model.add_hook(zero(typo)), text);
  CHECK(model.n_hooks() == 0);
  CHECK_THROWS_WITH(model.sites().find(typo), ContainsSubstring("blocks.0.attn.hook_pattern"));
  CHECK_THROWS_WITH(model.run_with_hooks(tiny_tokens(), {zero("blocks.1.*")}),
                    ContainsSubstring("no hook point is named \"blocks.1.*\""));
  CHECK_THROWS_WITH(model.run_with_hooks(tiny_tokens(), {zero("q7")}),
                    ContainsSubstring("the nearest are: blocks.0.attn.hook_q, "));
  CHECK_THROWS_WITH(zero("q0:first"), Equals("\"q0:first\": after the colon stands the number of a "
                                             "call, from 0"));
  const auto nothing = [](std::string_view) { return false; };
  CHECK_THROWS_WITH(model.run_with_cache(tiny_tokens(), {.names = {nothing}}),
                    Equals("the predicate fits no hook point"));
}

TEST_CASE("A hook that the run does not reach is an error") {
  const auto model = golden::model();  // two blocks
  const auto tokens = golden::tokens();
  CHECK_THROWS_WITH(
      model.run_with_hooks(tokens, {zero("blocks.1.hook_mlp_out")}, {.stop_at_layer = 1}),
      ContainsSubstring("the hook at \"blocks.1.hook_mlp_out\" never fired"));
  CHECK_THROWS_WITH(model.run_from_layer(1, Tensor<double>({1, 3, 8}), {zero("hook_embed")}),
                    ContainsSubstring("the hook at \"hook_embed\" never fired"));
  CHECK_THROWS_WITH(
      model.run_with_cache(tokens, {.names = {"ln_final.hook_scale"}, .run = {.stop_at_layer = 1}}),
      ContainsSubstring("\"ln_final.hook_scale\" was to be kept but the run did not pass there"));
  // A glob has to fire somewhere, not everywhere.
  const auto cache = model
                         .run_with_cache(tokens, {.names = {"blocks.*.hook_resid_pre"},
                                                  .hooks = {zero("blocks.*.attn.hook_z")},
                                                  .run = {.stop_at_layer = 1}})
                         .cache;
  CHECK(cache.names() == std::vector<std::string>{"blocks.0.hook_resid_pre"});
}

TEST_CASE("A hook that overwrites values changes the run, and later hooks see it") {
  const auto model = golden::model(tiny());
  const auto negate = [](View<double> x, const HookPoint&) {
    for_each_element(x, [](Index, double& value) { value = -value; });
  };
  Tensor<double> seen;
  const auto look = [&](View<const double> x, const HookPoint&) { seen = Tensor<double>(x); };
  const Tensor<double> clean = model.run_with_cache(tiny_tokens()).cache["hook_embed"];
  const Tensor<double> negated = model.run_with_hooks(
      tiny_tokens(), {Hook<double>("hook_embed", negate), Hook<double>("hook_embed", look)});
  CHECK(equal(seen, model.run_with_cache(tiny_tokens(), {.hooks = {scale("hook_embed", -1.0)}})
                        .cache["hook_embed"]));
  CHECK(seen(0, 0, 0) == -clean(0, 0, 0));
  CHECK(equal(negated, model.run_with_hooks(tiny_tokens(), {scale("hook_embed", -1.0)})));
}

TEST_CASE("A hook that overwrites values is refused in a run with gradients") {
  const auto model = golden::model(tiny());
  const auto overwrite = [](View<double> x, const HookPoint&) { x(0, 0, 0) = 1.0; };
  const auto run = [&] {
    return model.run_with_cache(tiny_tokens(),
                                {.hooks = {Hook<double>("hook_embed", overwrite)},
                                 .gradient_of = golden::next_token_loss<double>(tiny_tokens())});
  };
  CHECK_THROWS_WITH(run(),
                    Equals("the hook at hook_embed overwrites values, which has no gradient; in a "
                           "run with gradients use an edit (a function of Variable<T>)"));
}

TEST_CASE("A user's edit must give back a variable of the run, of the same shape") {
  const auto model = golden::model(tiny());
  using V = Variable<double>;
  const auto error_of = [&](std::function<V(V, const HookPoint&)> edit) {
    try {
      (void)model.run_with_hooks(tiny_tokens(), {Hook<double>("blocks.0.hook_resid_pre", edit)});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(error_of([](V x, const HookPoint&) { return record<Scale>({2.0}, x); }) == "no error");
  const auto shorter = [](V x, const HookPoint&) {
    return x.tape().constant(x.value().slice(1, 0, 2));
  };
  CHECK(error_of(shorter) ==
        "the hook at blocks.0.hook_resid_pre gave back [2, 2, 5], the activation is [2, 3, 5] "
        "[batch, pos, d_model]");
  const std::string foreign =
      "the hook at blocks.0.hook_resid_pre gave back a variable that is not of this run's tape; "
      "compute it from the one that the hook was given";
  CHECK(error_of([](V, const HookPoint&) { return V(); }) == foreign);
  Tape<double> other;
  CHECK(error_of([&](V x, const HookPoint&) { return other.constant_copy(x.value()); }) == foreign);
}

TEST_CASE("An edit that changes nothing and a hook that only looks change no bit of the output") {
  TransformerConfig c = tiny();
  bool repeated = false;
  SECTION("long sequences of distinct tokens, in float, where sizes fill no register") {
    c.n_ctx = 37;
    c.d_vocab = 300;
    c.n_heads = 3;
    c.d_head = 10;
    c.d_model = 30;
    c.d_mlp = 70;
    c.act_fn = Activation::gelu;
    const auto model = golden::model<float>(c);
    Tensor<Token> tokens({8, 37});
    for_each_element(tokens.view(), [](Index i, Token& t) { t = static_cast<Token>(i % 300); });
    const Tensor<float> logits = model(tokens);
    for (const Site& site : model.sites()) {
      if (site.is_optional) continue;
      CAPTURE(site.name);
      const auto look = [](View<const float>, const HookPoint&) {};
      for (const Hook<float>& hook :
           {Hook<float>(site.name, look), Hook<float>(scale(site.name, 1.0))}) {
        CHECK(testing::bit_difference(model.run_with_hooks(tokens, {hook}), logits) == "");
      }
    }
    return;
  }
  SECTION("distinct tokens") {}
  SECTION("repeated tokens: each distinct row is computed once unless somebody looks") {
    repeated = true;
  }
  const auto model = golden::model(c);
  Tensor<Token> tokens({6, 3});
  for_each_element(tokens.view(), [&](Index i, Token& t) {
    t = static_cast<Token>(repeated ? i % 2 : (5 * i + i / 3) % 7);
  });
  const auto gradient_of = [&](std::vector<Hook<double>> hooks) {
    HookPlan<double> plan = model.plan(std::move(hooks));
    Pass<double> pass(model.parameters());
    pass.begin({.gradients = true}, &plan);
    pass.backward(golden::next_token_loss<double>(tokens)(model.forward(pass, tokens)));
    return pass.gradients();
  };
  const Tensor<double> logits = model(tokens), gradients = gradient_of({});
  for (const Site& site : model.sites()) {
    if (site.is_optional) continue;
    CAPTURE(site.name);
    const auto look = [](View<const double>, const HookPoint&) {};
    const auto nothing = [](Variable<double> x, const HookPoint&) { return x; };
    for (const Hook<double>& hook :
         {Hook<double>(site.name, look), Hook<double>(site.name, nothing),
          Hook<double>(scale(site.name, 1.0))}) {
      CHECK(testing::bit_difference(model.run_with_hooks(tokens, {hook}), logits) == "");
      // Gradients of rows that are no longer shared are added in another order.
      CHECK(largest_difference(gradient_of({hook}), gradients) < 1e-12);
    }
  }
}

TEST_CASE("A plan of hooks can serve many runs, and forgets the one before") {
  const auto model = golden::model();
  HookPlan<double> plan = model.plan({scale("blocks.1.hook_mlp_out", 2.0)});
  plan.keep("*hook_resid_pre", false);
  CacheWriter<double> both(model.sites(), 2), one(model.sites(), 2);
  plan.write_to(both, 0);
  Pass<double> pass(model.parameters());
  pass.begin({}, &plan);
  (void)model.forward(pass, golden::tokens());
  plan.check_all_fired();
  CHECK(both.finish().size() == 2);
  plan.write_to(one, 0);
  pass.begin({}, &plan);
  (void)model.forward(pass, golden::tokens(), {.stop_at_layer = 1});
  CHECK(one.finish().names() == std::vector<std::string>{"blocks.0.hook_resid_pre"});
  CHECK_THROWS_WITH(plan.check_all_fired(), ContainsSubstring("never fired"));
}

// Edits against what they should give, computed by hand from the clean run.

/// The activation at `name` after `hooks`.
Tensor<double> after(const Transformer<double>& model, const std::string& name,
                     std::vector<Hook<double>> hooks) {
  return model.run_with_cache(tiny_tokens(), {.names = {name}, .hooks = std::move(hooks)})
      .cache[name];
}

using At = std::vector<Index>;

/// Checks each element of `x` against `expected(old value, index)`.
void check_each(const Tensor<double>& x, const Tensor<double>& old,
                const std::function<double(double, const At&)>& expected) {
  REQUIRE(x.shape() == old.shape());
  for_each_element(x.view(), [&](Index i, const double& value) {
    At at(static_cast<std::size_t>(x.rank()));
    for (int axis = x.rank() - 1, rest = static_cast<int>(i); axis >= 0; --axis) {
      at[static_cast<std::size_t>(axis)] = rest % static_cast<int>(x.size(axis));
      rest /= static_cast<int>(x.size(axis));
    }
    CAPTURE(i);
    const double wanted = expected(old.data()[i], at);
    CHECK((value == wanted || value == Approx(wanted)));
  });
}

TEST_CASE("Edits touch the units that they name and no others") {
  const auto model = golden::model(tiny());
  const auto cache = model.run_with_cache(tiny_tokens()).cache;
  const std::string resid = "blocks.0.hook_resid_pre", z = "blocks.0.attn.hook_z",
                    pattern = "blocks.0.attn.hook_pattern", post = "blocks.0.mlp.hook_post",
                    scores = "blocks.0.attn.hook_attn_scores";

  check_each(after(model, z, {zero(z, {.heads = {1}})}), cache[z],
             [](double x, const At& at) { return at[2] == 1 ? 0.0 : x; });
  check_each(
      after(model, z, {zero(z, {.batch = {0}, .positions = {0, 2}, .heads = {0}})}), cache[z],
      [](double x, const At& at) { return at[0] == 0 && at[1] != 1 && at[2] == 0 ? 0.0 : x; });
  check_each(after(model, post, {scale(post, 3.0, {.positions = {-1}, .neurons = {0, -1}})}),
             cache[post], [](double x, const At& at) {
               return at[1] == 2 && (at[2] == 0 || at[2] == 5) ? 3.0 * x : x;
             });
  // At patterns, positions are queries and neurons are keys.
  check_each(after(model, pattern, {zero(pattern, {.positions = {2}, .neurons = {1}})}),
             cache[pattern],
             [](double x, const At& at) { return at[2] == 2 && at[3] == 1 ? 0.0 : x; });
  // Zero is a value of its own: it also replaces -inf.
  check_each(after(model, scores, {zero(scores)}), cache[scores],
             [](double, const At&) { return 0.0; });
  const Tensor<double> direction({5}, {1, 2, 3, 4, 5});
  check_each(
      after(model, resid, {add(resid, direction, {.positions = {1}})}), cache[resid],
      [](double x, const At& at) { return at[1] == 1 ? x + static_cast<double>(at[2] + 1) : x; });
  const Tensor<double> by_position({3, 1}, {10, 20, 30});
  check_each(after(model, resid, {replace(resid, by_position, {.batch = {-1}})}), cache[resid],
             [](double x, const At& at) {
               return at[0] == 1 ? 10.0 * static_cast<double>(at[1] + 1) : x;
             });
}

TEST_CASE("A list of units that came out empty edits nothing") {
  const auto model = golden::model(tiny());
  const std::vector<Index> none;
  CHECK(equal(
      model.run_with_hooks(tiny_tokens(), {zero("blocks.0.mlp.hook_post", {.neurons = none})}),
      model(tiny_tokens())));
  CHECK(!equal(model.run_with_hooks(tiny_tokens(), {zero("blocks.0.mlp.hook_post")}),
               model(tiny_tokens())));
}

TEST_CASE("One edit can act at many sites") {
  const auto model = golden::model();  // two blocks of two heads
  const auto logits = model.run_with_hooks(golden::tokens(), {zero("blocks.*.attn.hook_z")});
  const auto one_by_one = model.run_with_hooks(
      golden::tokens(), {zero("blocks.0.attn.hook_z"), zero("blocks.1.attn.hook_z")});
  CHECK(equal(logits, one_by_one));
  const auto is_z = [](std::string_view name) { return name.ends_with("hook_z"); };
  CHECK(equal(logits, model.run_with_hooks(golden::tokens(), {zero(is_z)})));
  // Without z, attention writes its output bias.
  const auto cache =
      model.run_with_cache(golden::tokens(), {.hooks = {zero("blocks.*.attn.hook_z")}}).cache;
  CHECK(equal(cache["blocks.1.hook_attn_out"], model["blocks.1.attn.b_O"].broadcast({2, 8, 8})));
}

TEST_CASE("Mean ablation puts the batch mean of a reference") {
  const auto model = golden::model(tiny());
  const std::string post = "blocks.0.mlp.hook_post";
  const Tensor<double> clean = model.run_with_cache(tiny_tokens()).cache[post];
  check_each(after(model, post, {mean_ablate(post, clean, {.neurons = {2}})}), clean,
             [&](double x, const At& at) {
               return at[2] == 2 ? (clean(0, at[1], 2) + clean(1, at[1], 2)) / 2.0 : x;
             });
  CHECK_THROWS_WITH(mean_ablate(post, Tensor<double>({3})),
                    Equals("mean_ablate: the reference is [3], it needs a batch axis"));
}

TEST_CASE("Resample ablation gives every element the units of another one") {
  const Index batch = 16;
  Tensor<double> reference({batch, 1});
  for (Index b = 0; b < batch; ++b) reference(b, 0) = static_cast<double>(b);
  // A model whose residual stream is one number a token.
  TransformerConfig c = tiny();
  c.d_model = 1, c.n_ctx = 1, c.normalization = Normalization::none;
  const auto model = golden::model(c);
  const auto taken_from = [&](Seed seed) {
    const std::string name = "blocks.0.hook_resid_pre";
    const Tensor<double> x =
        model
            .run_with_cache(
                Tensor<Token>({batch, 1}),
                {.names = {name},
                 .hooks = {resample_ablate(name, reference.reshape({batch, 1, 1}), seed)}})
            .cache[name];
    return std::vector<double>(x.data(), x.data() + batch);
  };
  const std::vector<double> first = taken_from(Seed{1});
  std::vector<double> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  for (Index b = 0; b < batch; ++b) {
    const auto i = static_cast<std::size_t>(b);
    CHECK(sorted[i] == static_cast<double>(b));  // everybody gives once
    CHECK(first[i] != static_cast<double>(b));   // nobody keeps its own
  }
  CHECK(first == taken_from(Seed{1}));
  CHECK(first != taken_from(Seed{2}));
}

TEST_CASE("Patching copies the units of another run") {
  const auto model = golden::model(tiny());
  const Tensor<Token> other({2, 3}, {6, 5, 4, 3, 2, 1});
  const auto [other_logits, cache] = model.run_with_cache(other);
  const std::string q = "blocks.0.attn.hook_q";
  const Tensor<double> clean = after(model, q, {});
  check_each(after(model, q, {patch(q, cache, {.positions = {1}, .heads = {0}})}), clean,
             [&, &cache = cache](double x, const At& at) {
               return at[1] == 1 && at[2] == 0 ? cache[q](at[0], 1, 0, at[3]) : x;
             });
  // The whole stream of the other run gives the other run's logits.
  CHECK(equal(model.run_with_hooks(tiny_tokens(), {patch("blocks.0.hook_resid_pre", cache)}),
              other_logits));
  CHECK_THROWS_WITH(patch("blocks.0.attn.hook_x", cache),
                    ContainsSubstring("the cache does not hold \"blocks.0.attn.hook_x\""));
}

TEST_CASE("An edit that does not fit its site says both shapes and where") {
  const auto model = golden::model(tiny());
  const auto error_of = [&](const Hook<double>& hook) {
    try {
      (void)model.run_with_hooks(tiny_tokens(), {hook});
    } catch (const ShapeError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string resid = "blocks.0.hook_resid_pre";
  CHECK(error_of(replace(resid, Tensor<double>({2, 2, 5}))) ==
        "an edit at blocks.0.hook_resid_pre: the value given is [2, 2, 5], the activation is "
        "[2, 3, 5] [batch, pos, d_model]");
  CHECK(error_of(add(resid, Tensor<double>({4}))) ==
        "an edit at blocks.0.hook_resid_pre: the value given is [4], the activation is [2, 3, 5] "
        "[batch, pos, d_model]");
  CHECK(error_of(zero(resid, {.heads = {0}})) ==
        "an edit of heads at blocks.0.hook_resid_pre: there are none, its axes are "
        "[batch, pos, d_model]");
  CHECK(
      error_of(zero(resid, {.positions = {3}})) ==
      "an edit of positions at blocks.0.hook_resid_pre: 3 is outside axis 1 of its shape [2, 3, 5] "
      "[batch, pos, d_model]");
  CHECK(error_of(zero("blocks.0.attn.hook_z", {.heads = {-3}})) ==
        "an edit of heads at blocks.0.attn.hook_z: -3 is outside axis 2 of its shape [2, 3, 2, 4] "
        "[batch, pos, head, d_head]");
}

TEST_CASE("Gradients through edits agree with central differences") {
  auto model = golden::model(tiny());
  const auto tokens = tiny_tokens();
  const auto cache = model.run_with_cache(Tensor<Token>({2, 3}, {6, 5, 4, 3, 2, 1})).cache;
  const std::string z = "blocks.0.attn.hook_z", post = "blocks.0.mlp.hook_post",
                    ln1 = "blocks.0.ln1.hook_scale", pattern = "blocks.0.attn.hook_pattern";
  const auto cube = [](Variable<double> x, const HookPoint&) {  // a user's own edit
    return record<Multiply>({}, x, record<Multiply>({}, x, x));
  };
  const std::vector<Hook<double>> edits{zero(z, {.heads = {1}}),
                                        scale(post, -1.5, {.positions = {0, 1}}),
                                        add("hook_embed", Tensor<double>({5}, 0.3)),
                                        replace(ln1, Tensor<double>({3, 1}, {1.0, 0.5, 2.0})),
                                        mean_ablate(post, cache[post], {.neurons = {0, 3}}),
                                        resample_ablate(z, cache[z], Seed{3}, {.heads = {0}}),
                                        patch(pattern, cache, {.positions = {2}}),
                                        Hook<double>(post, cube)};
  for (std::size_t e = 0; e < edits.size(); ++e) {
    CAPTURE(e, edits[e].where.description());
    HookPlan<double> plan = model.plan({edits[e]});
    Pass<double> pass(model.parameters());
    pass.begin({.gradients = true}, &plan);
    pass.backward(golden::next_token_loss<double>(tokens)(model.forward(pass, tokens)));
    const auto scope = model.hooks({edits[e]});
    for (const char* name : {"embed.W_E", "blocks.0.attn.W_V", "blocks.0.attn.b_Q",
                             "blocks.0.mlp.W_in", "blocks.0.ln1.w", "unembed.W_U"}) {
      const View<double> parameter = model[name];
      const Tensor<double> gradient(pass.gradient(name));
      for_each_element(parameter, [&](Index i, double& number) {
        if (i % 7 != 1 && parameter.numel() > 10) return;
        const double kept = number, h = 1e-5;
        number = kept + h;
        const double above = model.loss(tokens);
        number = kept - h;
        const double below = model.loss(tokens);
        number = kept;
        CAPTURE(name, i);
        CHECK(gradient.data()[i] == Approx((above - below) / (2 * h)).epsilon(1e-6).margin(1e-9));
      });
    }
  }
}

// Caches.

TEST_CASE("A cache owns its numbers: a later hook that overwrites does not reach back") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto erase = [](View<double> x, const HookPoint&) {
    for_each_element(x, [](Index, double& value) { value = 0.0; });
  };
  const auto clean = model.run_with_cache(tokens).cache;
  const auto edited =
      model.run_with_cache(tokens, {.hooks = {Hook<double>("blocks.1.hook_resid_pre", erase)}})
          .cache;
  // Both names mean one stream, but the edit came after the first was kept.
  CHECK(equal(edited["blocks.0.hook_resid_post"], clean["blocks.0.hook_resid_post"]));
  CHECK(equal(edited["blocks.1.hook_resid_pre"], Tensor<double>({2, 8, 8})));
}

TEST_CASE("A cache keeps what was asked for: names, globs, predicates") {
  const auto model = golden::model();
  const auto names_of = [&](std::vector<SiteSelector> names) {
    return model.run_with_cache(golden::tokens(), {.names = std::move(names)}).cache.names();
  };
  CHECK(names_of({"ln_final.hook_scale", "hook_embed"}) ==
        std::vector<std::string>{"hook_embed", "ln_final.hook_scale"});
  CHECK(names_of({"blocks.?.attn.hook_q"}) ==
        std::vector<std::string>{"blocks.0.attn.hook_q", "blocks.1.attn.hook_q"});
  CHECK(names_of({[](std::string_view name) { return name.find("resid_mid") != name.npos; }}) ==
        std::vector<std::string>{"blocks.0.hook_resid_mid", "blocks.1.hook_resid_mid"});
}

TEST_CASE("The memory of a cache is known before the run") {
  const auto model = golden::model();
  for (const bool gradients : {false, true}) {
    HookPlan<double> plan = model.plan();
    plan.keep("*", gradients);
    CacheOptions<double> options;
    if (gradients) options.gradient_of = golden::next_token_loss<double>(tiny_tokens());
    const auto cache = model.run_with_cache(tiny_tokens(), options).cache;
    CHECK(plan.bytes_to_keep(model.axis_sizes(2, 3)) == cache.bytes());
  }
}

TEST_CASE("A cache without logits ends the run after the last block that is needed") {
  const auto model = golden::model();
  int unembedded = 0;
  const auto count = [&](View<const double>, const HookPoint&) { ++unembedded; };
  const auto [logits, cache] = model.run_with_cache(
      golden::tokens(), {.names = {"blocks.0.attn.hook_pattern"}, .logits = false});
  CHECK(logits.numel() == 0);
  CHECK(cache.names() == std::vector<std::string>{"blocks.0.attn.hook_pattern"});
  CHECK(equal(cache["pattern0"], model.run_with_cache(golden::tokens()).cache["pattern0"]));
  // A hook further up is needed too.
  (void)model.run_with_cache(golden::tokens(), {.names = {"hook_embed"},
                                                .hooks = {Hook<double>("unembed.hook_out", count)},
                                                .logits = false});
  CHECK(unembedded == 1);
}

TEST_CASE("A cache is read by full name, short name, or name, block and kind of layer") {
  const auto cache = golden::model().run_with_cache(golden::tokens()).cache;
  const auto& q = cache["blocks.1.attn.hook_q"];
  CHECK(&cache["q1"] == &q);
  CHECK(&cache.at("q", 1) == &q);
  CHECK(&cache.at("query", -1) == &q);
  CHECK(&cache.at("scale", 0, "ln1") == &cache["blocks.0.ln1.hook_scale"]);
  CHECK(&cache["scale"] == &cache["ln_final.hook_scale"]);
  CHECK(cache.contains("pattern0"));
  CHECK(!cache.contains("pattern2"));
  CHECK_THROWS_AS(cache["blocks.1.attn.hook_qq"], NameError);
  CHECK_THROWS_WITH(
      cache["blocks.1.attn.hook_qq"],
      ContainsSubstring("the cache does not hold \"blocks.1.attn.hook_qq\"; it holds ") &&
          ContainsSubstring("the nearest are: blocks.1.attn.hook_q, "));
  CHECK_THROWS_AS(cache.at("q", 2), NameError);
  CHECK_THROWS_AS(cache["q99999999999999999999"], NameError);
}

TEST_CASE("One site of all blocks can be stacked") {
  const auto cache = golden::model().run_with_cache(golden::tokens()).cache;
  const Tensor<double> z = cache.stack_activation("z");
  CHECK(z.shape() == Shape{2, 2, 8, 2, 4});
  CHECK(equal(z.select(0, 1), cache["z1"]));
  CHECK(cache.stack_activation("scale", "ln2").shape() == Shape{2, 2, 8, 1});
  ActivationCache<double> partial;
  partial.insert("blocks.1.attn.hook_z", Tensor<double>({1}));
  CHECK_THROWS_AS(partial.stack_activation("z"), NameError);
}

TEST_CASE("The batch axis can be dropped only when it is one") {
  const auto model = golden::model(tiny());
  auto one = model.run_with_cache(Tensor<Token>({3}, {1, 2, 3})).cache;
  one.remove_batch_dim();
  CHECK(one["pattern0"].shape() == Shape{2, 3, 3});
  auto two = model.run_with_cache(tiny_tokens()).cache;
  CHECK_THROWS_WITH(two.remove_batch_dim(),
                    Equals("remove_batch_dim: hook_embed is [2, 3, 5], its first axis must be a "
                           "batch of 1"));
}

TEST_CASE("An entry can be added or overwritten, under any name") {
  ActivationCache<double> cache;
  cache.insert("blocks.here.mine", Tensor<double>({1}, 1.0));
  cache.insert("other", Tensor<double>({1}, 2.0));
  cache.insert("other", Tensor<double>({2}, 3.0));
  CHECK(cache.size() == 2);
  CHECK(cache["other"](1) == 3.0);
  CHECK_THROWS_AS(cache.at("q", -1), NameError);
}

TEST_CASE("Gradients at sites do not add up over runs") {
  const auto model = golden::model(tiny());
  const auto gradient = [&] {
    return model
        .run_with_cache(tiny_tokens(),
                        {.names = {"hook_embed"},
                         .gradient_of = golden::next_token_loss<double>(tiny_tokens())})
        .cache["hook_embed_grad"];
  };
  const Tensor<double> first = gradient();
  CHECK(equal(gradient(), first));

  // Parameters neither, also on one pass that is used again.
  Pass<double> pass(model.parameters());
  const auto parameter_gradient = [&] {
    pass.begin({.gradients = true});
    pass.backward(
        golden::next_token_loss<double>(tiny_tokens())(model.forward(pass, tiny_tokens())));
    return pass.gradients();
  };
  const Tensor<double> once = parameter_gradient();
  CHECK(equal(parameter_gradient(), once));
}

TEST_CASE("Gradients at sites are those of what goes on from there") {
  // At hook_out, the gradient of the sum of all logits is one everywhere; doubling the logits in a
  // second hook makes no difference to it, because the cache keeps what comes after all hooks.
  const auto model = golden::model(tiny());
  const auto sum = [](Variable<double> logits) { return record<hooked::Sum>({1.0}, logits); };
  const auto cache = model
                         .run_with_cache(tiny_tokens(), {.names = {"unembed.*"},
                                                         .hooks = {scale("unembed.hook_out", 2.0)},
                                                         .gradient_of = sum})
                         .cache;
  CHECK(equal(cache["unembed.hook_out_grad"], Tensor<double>({2, 3, 7}, 1.0)));
  double expected = 0.0;  // d sum / d in[m] = 2 sum_v W_U[m, v]
  for (Index v = 0; v < 7; ++v) expected += 2.0 * model["unembed.W_U"](4, v);
  CHECK(cache["unembed.hook_in_grad"](1, 2, 4) == Approx(expected));
}

TEST_CASE("A gradient at a site that nothing depends on is zero") {
  const auto model = golden::model(tiny());
  const auto cache =
      model
          .run_with_cache(tiny_tokens(),
                          {.names = {"blocks.0.mlp.hook_pre", "blocks.0.mlp.hook_post"},
                           .hooks = {zero("blocks.0.mlp.hook_post")},
                           .gradient_of = golden::next_token_loss<double>(tiny_tokens())})
          .cache;
  CHECK(equal(cache["blocks.0.mlp.hook_pre_grad"], Tensor<double>({2, 3, 6})));
  CHECK(!equal(cache["blocks.0.mlp.hook_post_grad"], Tensor<double>({2, 3, 6})));
}

// Short names.

TEST_CASE("Short names become full names") {
  CHECK(act_name("q", 3) == "blocks.3.attn.hook_q");
  for (const char* name :
       {"k", "v", "q", "z", "rot_k", "rot_q", "result", "pattern", "attn_scores"}) {
    CHECK(act_name(name, 1) == std::string("blocks.1.attn.hook_") + name);
  }
  for (const char* name : {"pre", "post", "mid", "pre_linear"}) {
    CHECK(act_name(name, 1) == std::string("blocks.1.mlp.hook_") + name);
  }
  CHECK(act_name("k", 6, "a") == "blocks.6.attn.hook_k");
  CHECK(act_name("pre", 2) == "blocks.2.mlp.hook_pre");
  CHECK(act_name("embed") == "hook_embed");
  CHECK(act_name("pos_embed") == "hook_pos_embed");
  CHECK(act_name("normalized", 27, "ln2") == "blocks.27.ln2.hook_normalized");
  CHECK(act_name("resid_pre", 0) == "blocks.0.hook_resid_pre");
  CHECK(act_name("resid_post", 1, "b") == "blocks.1.hook_resid_post");
  CHECK(act_name("mlp_out", 1, "block") == "blocks.1.hook_mlp_out");
  CHECK(act_name("scale", 2, "m") == "blocks.2.mlp.hook_scale");
  CHECK(act_name("scale", 2, "attention") == "blocks.2.attn.hook_scale");
}

TEST_CASE("Short names have aliases") {
  CHECK(act_name("attn", 2) == "blocks.2.attn.hook_pattern");
  CHECK(act_name("attn_logits", 2) == "blocks.2.attn.hook_attn_scores");
  CHECK(act_name("key", 0) == "blocks.0.attn.hook_k");
  CHECK(act_name("query", 0) == "blocks.0.attn.hook_q");
  CHECK(act_name("value", 0) == "blocks.0.attn.hook_v");
  CHECK(act_name("mlp_pre", 0) == "blocks.0.mlp.hook_pre");
  CHECK(act_name("mlp_mid", 0) == "blocks.0.mlp.hook_mid");
  CHECK(act_name("mlp_post", 0) == "blocks.0.mlp.hook_post");
  CHECK(act_name("scale") == "ln_final.hook_scale");
  CHECK(act_name("normalized") == "ln_final.hook_normalized");
}

TEST_CASE("Compact names hold the block and the kind of layer") {
  CHECK(act_name("k6") == "blocks.6.attn.hook_k");
  CHECK(act_name("pre5") == "blocks.5.mlp.hook_pre");
  CHECK(act_name("scale4ln1") == "blocks.4.ln1.hook_scale");
  CHECK(act_name("attn_scores12") == "blocks.12.attn.hook_attn_scores");
  CHECK(act_name("resid_pre1") == "blocks.1.hook_resid_pre");
}

TEST_CASE("Full names stay as they are") {
  CHECK(act_name("blocks.0.hook_resid_pre") == "blocks.0.hook_resid_pre");
  CHECK(act_name("hook_embed") == "hook_embed");
  CHECK(act_name("ln_final.hook_scale") == "ln_final.hook_scale");
}

TEST_CASE("a cache knows the axes of what a run kept, and prints them") {
  const auto model = golden::model(tiny());
  auto cache = model
                   .run_with_cache(Tensor<Token>({1, 3}, {1, 2, 3}),
                                   {.names = {"blocks.0.attn.hook_pattern", "hook_embed"}})
                   .cache;
  CHECK(cache.axes("pattern0") == std::vector<std::string>{"batch", "head", "query", "key"});
  CHECK(cache.axes("hook_embed") == std::vector<std::string>{"batch", "pos", "d_model"});
  CHECK_THAT(to_string(cache, "pattern0", {.digits = 2}),
             ContainsSubstring("Tensor<double> [batch 1, head 2, query 3, key 3]\n[[[["));
  cache.remove_batch_dim();
  CHECK(cache.axes("pattern0") == std::vector<std::string>{"head", "query", "key"});
  CHECK_THAT(to_string(cache, "hook_embed"),
             ContainsSubstring("Tensor<double> [pos 3, d_model 5]\n"));
  cache.insert("mine", Tensor<double>({2}));
  CHECK(cache.axes("mine").empty());
  CHECK(to_string(cache, "mine") == "Tensor<double> [2]\n[0. 0.]");
  CHECK_THROWS_AS(to_string(cache, "patern0"), NameError);
}
}  // namespace
}  // namespace hooked
