// Options of the architecture, one by one: what each does, and what contradicts it. That their
// numbers are HookedTransformer's is seen in golden_test.cpp.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "golden_model.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/hooks/edits.hpp"

namespace hooked {
namespace {

using Change = std::function<void(TransformerConfig&)>;

Transformer<double> with(const Change& change) {
  TransformerConfig c = golden::config();
  change(c);
  return golden::model(c);
}

std::string refusal(const Change& change) {
  TransformerConfig c = golden::config();
  change(c);
  try {
    c.resolved();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("Options that contradict each other, or would change nothing, are refused") {
  using C = TransformerConfig;
  CHECK(
      refusal([](C& c) { c.rotary_dim = 2; }) ==
      "a rotary_ field is set, but positional_embedding is not rotary: they would change nothing");
  const auto rotary = [](Index dim) {
    return refusal([dim](C& c) {
      c.positional_embedding = PositionalEmbedding::rotary;
      c.rotary_dim = dim;
    });
  };
  CHECK(rotary(4) == "accepted");
  for (const Index dim : {0, 3, 6}) {
    CHECK(rotary(dim) ==
          "rotary_dim is " + std::to_string(dim) + ": it must be even, and from 2 to d_head 4");
  }
  CHECK(refusal([](C& c) { c.rotary_base = 100; }) == refusal([](C& c) { c.rotary_dim = 2; }));
  CHECK(refusal([](C& c) {
          c.use_local_attn = true, c.attention_dir = AttentionDirection::bidirectional;
        }) ==
        "use_local_attn is set, but attention_dir is bidirectional, which has no window: it would "
        "change nothing");
  CHECK(refusal([](C& c) { c.output_logits_soft_cap = std::nan(""); }).starts_with("output_"));
  CHECK(refusal([](C& c) { c.window_size = 2; }) ==
        "window_size or attn_types is set, but use_local_attn is not: they would change nothing");
  CHECK(refusal([](C& c) { c.use_local_attn = true; }) ==
        "window_size is -1: with use_local_attn it must be at least 1");
  CHECK(refusal([](C& c) { c.use_local_attn = true, c.window_size = 2; }) ==
        "attn_types names 0 blocks, there are 2: with use_local_attn each must be global or local");
  CHECK(refusal([](C& c) { c.n_heads = 4, c.n_key_value_heads = 3; }) ==
        "n_key_value_heads is 3: it must divide n_heads 4, or be -1 where each head has keys and "
        "values of its own");
  CHECK(refusal([](C& c) { c.ungroup_grouped_query_attention = true; }) ==
        "ungroup_grouped_query_attention is set, but n_key_value_heads is -1: with 2 heads there "
        "are no groups to take apart");
  CHECK(refusal([](C& c) { c.n_key_value_heads = 2, c.ungroup_grouped_query_attention = true; }) ==
        "ungroup_grouped_query_attention is set, but n_key_value_heads is 2: with 2 heads there "
        "are no groups to take apart");
  CHECK(refusal([](C& c) { c.attn_scores_soft_cap = 0; }) ==
        "attn_scores_soft_cap is 0: it must be positive, or -1 for none");
  CHECK(refusal([](C& c) { c.output_logits_soft_cap = -2; }) ==
        "output_logits_soft_cap is -2: it must be positive, or -1 for none");
  CHECK(refusal([](C& c) { c.attn_only = true, c.gated_mlp = true; }) ==
        "gated_mlp is set but attn_only is too: there is no MLP");
  CHECK(refusal([](C& c) { c.gated_mlp = true, c.act_fn = Activation::solu_ln; }) ==
        "gated_mlp is set but act_fn is solu_ln, which has no gate: take solu");
  CHECK(refusal([](C& c) { c.tied_embeddings = true, c.d_vocab_out = 4; }) ==
        "tied_embeddings: W_U is W_E^T, so d_vocab_out 4 must be d_vocab 10");
}

TEST_CASE("Heads that share keys and values are heads that have the same ones") {
  const auto shared = with([](TransformerConfig& c) { c.n_heads = 4, c.n_key_value_heads = 2; });
  auto own = with([](TransformerConfig& c) { c.n_heads = 4; });
  CHECK(!shared.parameters().contains("blocks.0.attn.W_K"));
  for (const std::string& name : own.parameters().names()) {
    const auto at = name.find("W_K") != name.npos || name.find("W_V") != name.npos ||
                    name.find("b_K") != name.npos || name.find("b_V") != name.npos;
    if (!at) {
      own.parameters().set(name, shared[name]);
      continue;
    }
    const auto last = name.rfind('.') + 1;
    const auto kept = shared[name.substr(0, last) + "_" + name.substr(last)];
    for (Index h = 0; h < 4; ++h) copy(kept.select(0, h / 2), own.parameters()[name].select(0, h));
  }
  const auto tokens = golden::tokens();
  CHECK(max_norm(shared(tokens) - own(tokens)).item() < 1e-14);
  const auto cache = shared.run_with_cache(tokens).cache;
  CHECK(cache["k0"].shape() == Shape{2, 8, 2, 4});
  CHECK(cache["pattern0"].shape() == Shape{2, 4, 8, 8});
  CHECK_THROWS_AS(shared.run_with_cache(tokens, {.names = {"blocks.0.hook_attn_in"}}), NameError);
}

TEST_CASE("Groups that are taken apart give every head its own hook, and the same logits") {
  const auto of_heads = [](bool ungroup) {
    return with([ungroup](TransformerConfig& c) {
      c.n_heads = 4, c.n_key_value_heads = 2, c.ungroup_grouped_query_attention = ungroup;
    });
  };
  const auto shared = of_heads(false), own = of_heads(true);
  CHECK(own.parameters().names() == shared.parameters().names());
  const auto tokens = golden::tokens();
  const auto before = shared.run_with_cache(tokens), after = own.run_with_cache(tokens);
  CHECK(max_norm(after.logits - before.logits).item() == 0.0);
  for (const char* name : {"k1", "v1"}) {
    CHECK(after.cache[name].shape() == Shape{2, 8, 4, 4});
    for (Index h = 0; h < 4; ++h) {
      const auto kept = before.cache[name].select(2, h / 2);
      CHECK(max_norm(after.cache[name].select(2, h) - kept).item() == 0.0);
    }
  }
  // One head's keys are its own, and so are its inputs.
  for (const char* site : {"blocks.0.attn.hook_k", "blocks.0.hook_k_input"}) {
    const auto edit = zero(site, {.heads = {1}});
    const auto pattern =
        own.run_with_cache(tokens, {.names = {"pattern0"}, .hooks = {edit}}).cache["pattern0"];
    for (Index h = 0; h < 4; ++h) {
      const auto change = pattern.select(1, h) - after.cache["pattern0"].select(1, h);
      CHECK((max_norm(change).item() > 0) == (h == 1));
    }
  }
}

TEST_CASE("A window hides what lies further back, and one of all keys hides nothing") {
  const auto windowed = [](Index size) {
    return with([size](TransformerConfig& c) {
      c.use_local_attn = true, c.window_size = size;
      c.attn_types = {AttentionType::local, AttentionType::global};
    });
  };
  const auto tokens = golden::tokens();
  const auto cache = windowed(3).run_with_cache(tokens).cache;
  for (Index query = 0; query < 8; ++query) {
    for (Index key = 0; key < 8; ++key) {
      const bool seen = key <= query && key > query - 3;
      CHECK((cache["pattern0"](0, 0, query, key) > 0) == seen);
      CHECK((cache["pattern1"](0, 0, query, key) > 0) == (key <= query));
      CHECK(std::isinf(cache["attn_scores0"](1, 1, query, key)) == !seen);
    }
  }
  CHECK(max_norm(windowed(8)(tokens) - golden::model()(tokens)).item() == 0.0);
}

TEST_CASE("Caps keep scores and logits between -c and c") {
  const auto model = with(
      [](TransformerConfig& c) { c.attn_scores_soft_cap = 0.5, c.output_logits_soft_cap = 0.25; });
  const auto [logits, cache] = model.run_with_cache(golden::tokens());
  CHECK(max_norm(logits).item() < 0.25);
  CHECK(max_norm(cache["unembed.hook_out"]).item() > 0.25);  // before the cap
  for (Index i = 0; i < 8; ++i) {
    for (Index j = 0; j <= i; ++j) CHECK(std::abs(cache["attn_scores0"](0, 0, i, j)) < 0.5);
  }
}

TEST_CASE("A tied unembedding is the embedding's transpose, and both are learnt by one gradient") {
  const auto tied = with([](TransformerConfig& c) { c.tied_embeddings = true; });
  CHECK(!tied.parameters().contains("unembed.W_U"));
  auto untied = golden::model();
  for (const std::string& name : tied.parameters().names())
    untied.parameters().set(name, tied[name]);
  untied.parameters().set("unembed.W_U", tied["embed.W_E"].transpose());
  const auto tokens = golden::tokens();
  CHECK(max_norm(tied(tokens) - untied(tokens)).item() < 1e-14);
  const auto gradient = [&](const Transformer<double>& model, const std::string& name) {
    Pass<double> pass(model.parameters());
    pass.begin({.gradients = true});
    pass.backward(golden::next_token_loss<double>(tokens)(model.forward(pass, tokens)));
    return Tensor<double>(pass.gradient(name));
  };
  const auto both = gradient(untied, "embed.W_E") + gradient(untied, "unembed.W_U").transpose();
  CHECK(max_norm(gradient(tied, "embed.W_E") - both).item() < 1e-14);
}

TEST_CASE("Sinusoidal positions are waves of falling frequency, and no parameter") {
  const auto model =
      with([](TransformerConfig& c) { c.positional_embedding = PositionalEmbedding::sinusoidal; });
  CHECK(!model.parameters().contains("pos_embed.W_pos"));
  const auto cache = model.run_with_cache(golden::tokens()).cache;
  const auto& waves = cache["hook_pos_embed"];
  CHECK(waves(0, 3, 0) == Approx(std::sin(3.0)));
  CHECK(waves(1, 3, 1) == Approx(std::cos(3.0)));
  CHECK(waves(0, 3, 2) == Approx(std::sin(0.3)));
  CHECK(max_norm(cache["resid_pre0"] - (cache["hook_embed"] + waves)).item() == 0.0);
}

TEST_CASE("Shortformer's stream has no positions; its queries and keys have, its values have not") {
  const auto model = with([](TransformerConfig& c) {
    c.positional_embedding = PositionalEmbedding::shortformer;
    c.normalization = Normalization::none;
  });
  const auto cache = model.run_with_cache(golden::tokens()).cache;
  CHECK(max_norm(cache["resid_pre0"] - cache["hook_embed"]).item() == 0.0);
  // Token 1 stands at 0 and at 4.
  const auto differs = [&](const std::string& name) {
    const auto& x = cache[name];
    return max_norm(x.select(0, 0).select(0, 0) - x.select(0, 0).select(0, 4)).item() > 1e-3;
  };
  CHECK(differs("q0"));
  CHECK(differs("k0"));
  CHECK(!differs("v0"));
}

TEST_CASE("Rotary scores depend on how far apart query and key are, not on where they stand") {
  const auto model = with([](TransformerConfig& c) {
    c.positional_embedding = PositionalEmbedding::rotary;
    c.normalization = Normalization::none;
  });
  const Tensor<Token> same({1, 8}, Token{3});
  const auto cache = model.run_with_cache(same).cache;
  const auto& scores = cache["attn_scores0"];
  CHECK(scores(0, 1, 3, 1) == Approx(scores(0, 1, 7, 5)));
  CHECK(scores(0, 1, 3, 1) != Approx(scores(0, 1, 3, 2)));
  CHECK(max_norm(cache["q0"].select(1, 2) - cache["q0"].select(1, 5)).item() < 1e-14);
  CHECK(max_norm(cache["rot_q0"].select(1, 2) - cache["rot_q0"].select(1, 5)).item() > 1e-3);
}

TEST_CASE("ALiBi takes from a score in proportion to the distance, at a slope of each head's own") {
  const auto biases = [](Index heads) {
    auto model = with([&](TransformerConfig& c) {
      c.positional_embedding = PositionalEmbedding::alibi;
      c.n_heads = heads;
    });
    for (const char* name : {"blocks.0.attn.W_Q", "blocks.0.attn.b_Q"}) model[name].fill(0);
    return model.run_with_cache(golden::tokens()).cache["attn_scores0"];
  };
  for (const Index heads : {3, 4, 8}) {  // of 8: 1/2, 1/4, ..., 1/256
    const auto scores = biases(heads);
    for (Index h = 0; h < heads; ++h) {
      const double slope = std::pow(2.0, -8.0 * static_cast<double>(h + 1) / double(heads));
      for (Index query = 0; query < 8; ++query) {
        for (Index key = 0; key <= query; ++key) {
          CHECK(scores(1, h, query, key) == Approx(slope * double(key - query)).epsilon(1e-6));
        }
      }
    }
  }
}

TEST_CASE("hook_tokens shows the tokens, and what a hook leaves there is read") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto cache = model.run_with_cache(tokens, {.names = {"hook_tokens", "hook_embed"}}).cache;
  CHECK(cache.names() == std::vector<std::string>{"hook_tokens", "hook_embed"});
  CHECK(cache["hook_tokens"](1, 4) == 9.0);
  CHECK(!model.run_with_cache(tokens).cache.contains("hook_tokens"));
  const auto edited = model.run_with_hooks(
      tokens, {replace("hook_tokens", Tensor<double>::scalar(5.0), {.positions = {4}})});
  auto other = tokens;
  other(0, 4) = other(1, 4) = 5;
  CHECK(max_norm(edited - model(other)).item() == 0.0);
  CHECK_THROWS_WITH(
      model.run_with_hooks(tokens, {replace("hook_tokens", Tensor<double>::scalar(0.5))}),
      "hook_tokens: a hook left 0.5, which is no token");
  CHECK_THROWS_AS(
      model.run_with_hooks(tokens, {replace("hook_tokens", Tensor<double>::scalar(10.0))}),
      ShapeError);
}

}  // namespace
}  // namespace hooked
