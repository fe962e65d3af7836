// Encoder-decoders: the numbers of PyTorch's own, the short way against the long way, decoding with
// a cache, hooks on cross-attention, and what is refused.
#include "hooked/nn/encoder_decoder.hpp"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "golden_model.hpp"
#include "hooked/core/masks.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/io/model.hpp"
#include "hooked/nn/loss.hpp"
#include "hooked/testing/bits.hpp"
#include "io/scratch.hpp"
#include "nn/golden_numbers.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::ordered_json;
using scratch::error_of;

EncoderDecoderConfig encoder_decoder_config(const Json& c) {
  const auto size = [&](const char* field) { return c[field].get<Index>(); };
  return {.n_encoder_layers = size("n_encoder_layers"),
          .n_decoder_layers = size("n_decoder_layers"),
          .d_model = size("d_model"),
          .n_heads = size("n_heads"),
          .d_mlp = size("d_mlp"),
          .d_vocab = size("d_vocab"),
          .d_vocab_target = size("d_vocab_target"),
          .n_ctx = size("n_ctx"),
          .n_ctx_target = size("n_ctx_target"),
          .act_fn = c["act_fn"] == "gelu" ? Activation::gelu : Activation::relu,
          .norm_first = c["norm_first"].get<bool>(),
          .final_norm = c["final_norm"].get<bool>(),
          .positional_embedding = c["positional_embedding"] == "sinusoidal"
                                      ? PositionalEmbedding::sinusoidal
                                      : PositionalEmbedding::standard,
          .shared_embeddings = c["shared_embeddings"].get<bool>(),
          .tied_embeddings = c["tied_embeddings"].get<bool>()};
}

TEST_CASE("PyTorch's encoders and decoders compute the same activations, losses and gradients") {
  const std::string name = GENERATE("post_norm", "post_norm_padded", "post_norm_final",
                                    "norm_first", "norm_first_final");
  CAPTURE(name);
  std::ifstream file(std::string(HOOKED_TESTS_DIR) + "/golden/encoder_decoder/" + name + ".json");
  const Json golden = Json::parse(file);
  EncoderDecoder<double> model(encoder_decoder_config(golden["config"]));
  golden::fill_parameters(model.parameters());
  const auto source = golden::table<Token>(golden["source"]),
             target = golden::table<Token>(golden["target"]),
             labels = golden::table<Token>(golden["labels"]);
  const auto source_mask = golden::table<std::uint8_t>(golden["source_mask"]),
             target_mask = golden::table<std::uint8_t>(golden["target_mask"]);
  const SourceAndTarget in{source, target, source_mask, target_mask};
  const auto loss = [&](Variable<double> logits) { return cross_entropy(logits, labels.view()); };

  const Tensor<double> logits = model(in);
  for_each_element(logits.view(), [&](Index i, const double& logit) {
    const Index width = logits.size(2), row = i / width, length = logits.size(1);
    const bool is_padding = target_mask.numel() > 0 && target_mask.data()[row] == 0;
    const auto expected =
        golden["logits"][static_cast<std::size_t>(row / length)]
              [static_cast<std::size_t>(row % length)][static_cast<std::size_t>(i % width)]
                  .get<double>();
    CHECK(logit == Approx(is_padding ? 0.0 : expected).epsilon(1e-10).margin(1e-12));
  });

  std::vector<SiteSelector> sites;
  for (const auto& [site, numbers] : golden["activations"].items()) sites.push_back(site);
  const auto cache = model.run_with_cache(in, {.names = sites, .gradient_of = loss}).cache;
  for (const auto& [site, numbers] : golden["activations"].items()) {
    CAPTURE(site);
    golden::check_summary(cache[site], numbers, 1e-10);
  }
  for (const auto& [site, numbers] : golden["gradients"].items()) {
    CAPTURE(site);
    golden::check_summary(cache[site + "_grad"], numbers, 1e-10);
  }

  HookPlan<double> all = model.plan();
  all.keep_all(false);
  for (HookPlan<double>* plan : {static_cast<HookPlan<double>*>(nullptr), &all}) {
    Pass<double> pass(model.parameters());
    pass.tape().poison = true;
    pass.begin({.gradients = true}, plan);
    const auto y = loss(model.forward(pass, in));
    pass.backward(y);
    CHECK(y.item() == Approx(golden["loss"].get<double>()).epsilon(1e-12));
    CHECK(model.parameters().names().size() == golden["parameter_gradients"].size());
    for (const auto& [parameter, numbers] : golden["parameter_gradients"].items()) {
      CAPTURE(parameter, plan != nullptr);
      golden::check_summary(pass.gradient(parameter), numbers, 1e-10);
    }
  }
}

constexpr Index kConfigs = 12;
/// Models with every option, and never two options together in all of them.
EncoderDecoderConfig config_number(Index i) {
  const PositionalEmbedding positions[] = {
      PositionalEmbedding::standard, PositionalEmbedding::sinusoidal, PositionalEmbedding::none};
  const Normalization norms[] = {Normalization::LN, Normalization::RMS, Normalization::LNPre};
  const Activation functions[] = {Activation::relu, Activation::gelu_new, Activation::solu_ln,
                                  Activation::silu};
  return {.n_encoder_layers = i % 4 == 3 ? 0 : 1 + i % 2,
          .n_decoder_layers = 1 + i / 2 % 2,
          .d_model = 8,
          .n_heads = 2,
          .d_head = i % 5 == 4 ? 3 : -1,
          .d_mlp = 12,
          .d_vocab = 6,
          .d_vocab_target = i % 3 == 1 ? 6 : 5,
          .n_ctx = 6,
          .n_ctx_target = 5,
          .act_fn = functions[i % 4],
          .normalization = norms[i / 3 % 3],
          .norm_first = i % 2 == 1,
          .final_norm = i / 2 % 3 == 1,
          .positional_embedding = positions[i / 2 % 3],
          .shared_embeddings = i % 3 == 1,
          .tied_embeddings = i % 6 == 1};
}
template <Scalar T>
EncoderDecoder<T> model_number(Index i) {
  EncoderDecoder<T> model(config_number(i));
  golden::fill_parameters(model.parameters());
  return model;
}

/// Random tokens, and masks that hide those behind the first few.
struct Pairs {
  Tensor<Token> source, target;
  Tensor<std::uint8_t> source_mask, target_mask;
  SourceAndTarget input() const { return {source, target, source_mask, target_mask}; }
};
Pairs random_pairs(Index batch, Index from, Index to, std::uint64_t seed, bool padded) {
  Random random(Seed{seed}, "pairs");
  Pairs pairs{Tensor<Token>({batch, from}), Tensor<Token>({batch, to}), {}, {}};
  for (Tensor<Token>* tokens : {&pairs.source, &pairs.target}) {
    for_each_element(tokens->view(),
                     [&](Index, Token& t) { t = static_cast<Token>(random.below(5)); });
  }
  if (!padded) return pairs;
  pairs.source_mask = Tensor<std::uint8_t>({batch, from}, std::uint8_t{1});
  pairs.target_mask = Tensor<std::uint8_t>({batch, to}, std::uint8_t{1});
  for (Tensor<std::uint8_t>* mask : {&pairs.source_mask, &pairs.target_mask}) {
    for (Index b = 0; b < batch; ++b) {
      for (Index p = 1 + random.below(mask->size(1)); p < mask->size(1); ++p) (*mask)(b, p) = 0;
    }
  }
  return pairs;
}

TEMPLATE_TEST_CASE("Left out, padding and unwanted positions change nothing", "", float, double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-12;
  for (Index i = 0; i < kConfigs; ++i) {
    const auto model = model_number<T>(i);
    for (const bool padded : {false, true}) {
      const Pairs pairs = random_pairs(6, 6, 5, static_cast<std::uint64_t>(i), padded);
      for (const std::vector<Token>& positions :
           {std::vector<Token>{}, std::vector<Token>{0, 3}, std::vector<Token>{2}}) {
        CAPTURE(i, padded, positions.size());
        const RunOptions options{.positions = positions};
        const auto outcome = [&](HookPlan<T>* plan) {
          Pass<T> pass(model.parameters());
          pass.tape().poison = true;
          pass.begin({.gradients = true, .positions = positions}, plan);
          const auto y = model.forward(pass, pairs.input());
          const Tensor<T> logits(y.value());
          Tensor<Token> labels(y.shape().axes(0, 2));
          for (Index r = 0; r < labels.numel(); ++r) {
            const Index n = labels.size(1),
                        p = positions.empty() ? r % n : positions[static_cast<std::size_t>(r % n)];
            const bool hidden = padded && pairs.target_mask(r / n, p) == 0;
            labels.data()[r] = hidden ? CrossEntropy::kIgnored : static_cast<Token>(r % 5);
          }
          if (max(labels).item() == CrossEntropy::kIgnored) labels(0, 0) = 0;
          pass.backward(cross_entropy(y, labels.view()));
          return std::pair(logits, pass.gradients());
        };
        HookPlan<T> all = model.plan();
        all.keep_all(true);
        const auto [logits, gradients] = outcome(nullptr);
        const auto [whole_logits, whole_gradients] = outcome(&all);
        CHECK(testing::bit_difference(logits, whole_logits) == "");
        CHECK(testing::bit_difference(logits, model(pairs.input(), options)) == "");
        CHECK(max_norm(gradients - whole_gradients).item() <=
              tolerance * std::max(T(1), max_norm(whole_gradients).item()));
        CHECK(max_norm(gradients).item() > 1e-3);
      }
    }
  }
}

TEST_CASE("What padding holds changes no bit, what is read does") {
  for (const Index i : {0, 1, 6}) {
    const auto model = model_number<double>(i);
    Pairs pairs = random_pairs(4, 6, 5, 7, true);
    pairs.source_mask(0, 4) = 0, pairs.target_mask(0, 4) = 0;
    const Tensor<double> before = model(pairs.input());
    Pairs changed = pairs;
    changed.source(0, 4) = (pairs.source(0, 4) + 1) % 5;
    changed.target(0, 4) = (pairs.target(0, 4) + 1) % 5;
    CHECK(testing::bit_difference(model(changed.input()), before) == "");
    CHECK(testing::bit_difference(model.run_with_cache(changed.input()).logits, before) == "");
    changed.source(0, 0) = (pairs.source(0, 0) + 1) % 5;
    const Tensor<double> after = model(changed.input());
    CHECK(max_norm(after.select(0, 0) - before.select(0, 0)).item() > 1e-3);
    CHECK(testing::bit_difference(after.slice(0, 1, 4), before.slice(0, 1, 4)) == "");
  }
}

TEST_CASE("Targets see no later token, and padding need not be shown") {
  const auto model = model_number<double>(0);
  const Pairs pairs = random_pairs(2, 4, 5, 3, false);
  Tensor<Token> later = pairs.target;
  later(0, 3) = (later(0, 3) + 1) % 5;
  const Tensor<double> before = model(pairs.input()), after = model({pairs.source, later});
  CHECK(testing::bit_difference(before.slice(1, 0, 3), after.slice(1, 0, 3)) == "");
  CHECK(max_norm(before.select(1, 4) - after.select(1, 4)).item() > 1e-3);
  // Padded to six tokens, sources are what they are alone.
  Tensor<Token> longer({2, 6}, Token{5});
  Tensor<std::uint8_t> mask({2, 6});
  copy(pairs.source.view(), longer.slice(1, 0, 4));
  mask.slice(1, 0, 4).fill(1);
  CHECK(max_norm(model({longer, pairs.target, mask}) - before).item() < 1e-12);
}

TEST_CASE("Gradients of parameters and of every site are those of central differences") {
  for (Index i = 0; i < kConfigs; ++i) {
    auto model = model_number<double>(i);
    if (model.config().act_fn == Activation::relu) continue;  // has a kink; golden numbers have it
    const Pairs pairs = random_pairs(3, 5, 4, static_cast<std::uint64_t>(i), i % 2 == 0);
    Random random(Seed{static_cast<std::uint64_t>(i)}, "direction");
    const auto fill = [&](Index, double& x) { x = random.normal(); };
    Tensor<double> dy({3, 4, model.config().d_vocab_target});
    for_each_element(dy.view(), fill);
    const auto metric = [&](Variable<double> y) {
      return record<Sum>({}, record<Multiply>({}, y, y.tape().constant(dy)));
    };
    const auto value = [&](const Tensor<double>& y) { return sum(y * dy).item(); };
    constexpr double h = 2e-6;

    Pass<double> pass(model.parameters());
    pass.begin({.gradients = true});
    pass.backward(metric(model.forward(pass, pairs.input())));
    Tensor<double>& slab = model.parameters().slab();
    const Tensor<double> here = slab;
    Tensor<double> direction(slab.shape());
    for_each_element(direction.view(), fill);
    slab = here + h * direction;
    const double above = value(model(pairs.input()));
    slab = here - h * direction;
    const double below = value(model(pairs.input()));
    slab = here;
    const double along = sum(pass.gradients() * direction).item();
    CAPTURE(i);
    CHECK((above - below) / (2 * h) == Approx(along).epsilon(1e-6).margin(1e-6));

    const auto cache = model.run_with_cache(pairs.input(), {.gradient_of = metric}).cache;
    for (const Site& site : model.sites()) {
      if (site.is_optional || site.name.ends_with("attn_scores")) continue;  // has infinities
      CAPTURE(site.name);
      const Tensor<double>& x = cache[site.name];
      Tensor<double> to(x.shape());
      for_each_element(to.view(), fill);
      const auto moved = [&](double step) {
        return value(model.run_with_hooks(pairs.input(), {replace(site.name, x + step * to)}));
      };
      CHECK((moved(h) - moved(-h)) / (2 * h) ==
            Approx(sum(cache[site.name + "_grad"] * to).item()).epsilon(1e-6).margin(1e-6));
    }
  }
}

TEMPLATE_TEST_CASE("Read in pieces, targets have the logits that they have in one run", "", float,
                   double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 2e-5 : 1e-12;
  for (Index i = 0; i < kConfigs; ++i) {
    const auto model = model_number<T>(i);
    for (const bool padded : {false, true}) {
      CAPTURE(i, padded);
      const Pairs pairs = random_pairs(3, 6, 5, static_cast<std::uint64_t>(i), padded);
      const Tensor<T> whole = model({pairs.source, pairs.target, pairs.source_mask});
      DecoderCache<T> past(pairs.source, 5, pairs.source_mask);
      for (const Index end : {Index{2}, Index{3}, Index{5}}) {
        const Index begin = past.target().length();
        const Tensor<T> logits = model.run_with_past(pairs.target.slice(1, begin, end), past);
        CHECK(max_norm(logits - whole.slice(1, begin, end)).item() <=
              tolerance * std::max(T(1), max_norm(whole).item()));
        CHECK(past.target().length() == end);
      }
    }
  }
}

TEST_CASE("Greedy targets are the same with and without the cache") {
  for (Index i = 0; i < kConfigs; ++i) {
    const auto model = model_number<double>(i);
    const Pairs pairs = random_pairs(5, 6, 1, static_cast<std::uint64_t>(i), i % 2 == 0);
    GenerateOptions options{
        .max_new_tokens = 5, .do_sample = false, .attention_mask = pairs.source_mask};
    const auto cached = generate(model, pairs.source, pairs.target, options);
    options.use_past_kv_cache = false;
    CHECK(cached.shape() == Shape{5, 6});
    CHECK(all(cached == generate(model, pairs.source, pairs.target, options)));
    // Each token is the likeliest after those before it.
    const Tensor<double> logits = model({pairs.source, cached.slice(1, 0, 5), pairs.source_mask});
    CHECK(all(cast<Index>(Tensor<Token>(cached.slice(1, 1, 6))) == argmax(logits, -1)));
    options.eos_token = cached(0, 1);
    const auto ended = generate(model, pairs.source, pairs.target, options);
    CHECK(all(ended.select(0, 0).slice(0, 1, ended.size(1)) == cached(0, 1)));
  }
}

TEST_CASE("Hooks of a model act while it says a target, on the source once") {
  auto model = model_number<double>(0);
  const Pairs pairs = random_pairs(3, 6, 1, 11, true);
  GenerateOptions options{
      .max_new_tokens = 5, .do_sample = false, .attention_mask = pairs.source_mask};
  int sources = 0, targets = 0;
  const auto count = [](int& calls) {
    return [&calls](View<const double>, const HookPoint&) { ++calls; };
  };
  const auto scope = model.hooks(
      {scale("encoder.0.hook_mlp_out", -2.0), zero("decoder.0.cross_attn.hook_v", {.heads = {1}}),
       scale("decoder.0.hook_mlp_out", 3.0), Hook<double>("hook_memory", count(sources)),
       Hook<double>("decoder.0.cross_attn.hook_q", count(targets))});
  const auto cached = generate(model, pairs.source, pairs.target, options);
  CHECK(sources == 1);
  CHECK(targets == 5);
  options.use_past_kv_cache = false;
  CHECK(all(cached == generate(model, pairs.source, pairs.target, options)));
}

TEST_CASE("Cross-attention mixes what its pattern says") {
  const auto model = model_number<double>(0);
  const Pairs pairs = random_pairs(2, 6, 4, 5, false);
  const std::string attn = "decoder.0.cross_attn.";
  Tensor<double> third({2, 2, 4, 6});
  third.select(3, 2).fill(1);
  const auto run = model.run_with_cache(
      pairs.input(), {.names = {attn + "hook_*", "hook_memory", "decoder.0.attn.hook_pattern"},
                      .hooks = {replace(attn + "hook_pattern", third)}});
  const auto& cache = run.cache;
  CHECK(cache[attn + "hook_pattern"].shape() == Shape{2, 2, 4, 6});
  CHECK(cache["decoder.0.attn.hook_pattern"].shape() == Shape{2, 2, 4, 4});
  CHECK(cache[attn + "hook_v"].shape() == Shape{2, 6, 2, 4});
  for (Index query = 0; query < 4; ++query) {
    CHECK(testing::bit_difference(cache[attn + "hook_z"].select(1, query),
                                  cache[attn + "hook_v"].select(1, 2)) == "");
  }
  CHECK(max_norm(run.logits - model(pairs.input())).item() > 1e-2);
  // What is attended to alone is read: other sources leave the logits as they are.
  Tensor<Token> others = pairs.source;
  others(0, 4) = (others(0, 4) + 1) % 5;
  const auto blind = [&](const Tensor<Token>& source) {
    return model.run_with_hooks({source, pairs.target}, {zero(attn + "hook_pattern")});
  };
  CHECK(testing::bit_difference(blind(others), blind(pairs.source)) == "");
  CHECK(max_norm(model({others, pairs.target}) - model(pairs.input())).item() > 1e-3);
  const auto patterns = model.run_with_cache(pairs.input(), {.names = {attn + "hook_pattern"}});
  CHECK(max_norm(sum(patterns.cache[attn + "hook_pattern"], -1) - 1.0).item() < 1e-12);
}

TEST_CASE("Whoever looks at cross-attention sees keys of padding, too") {
  const auto model = model_number<double>(2);  // both of two blocks read the memory
  const Pairs pairs = random_pairs(3, 6, 4, 5, true);
  const auto all = model.run_with_cache(pairs.input()).cache;
  for (const char* site : {"decoder.0.cross_attn.hook_k", "decoder.1.cross_attn.hook_v",
                           "decoder.1.cross_attn.hook_pattern", "encoder.0.mlp.hook_post"}) {
    CAPTURE(site);
    const auto alone = model.run_with_cache(pairs.input(), {.names = {site}}).cache;
    CHECK(testing::bit_difference(alone[site], all[site]) == "");
  }
  // A pattern that looks at padding finds what stands there.
  const std::string pattern = "decoder.1.cross_attn.hook_pattern";
  const Hook<double> everywhere = replace(pattern, Tensor<double>({3, 2, 4, 6}, 1.0 / 6));
  const Hook<double> none("hook_memory", [](View<const double>, const HookPoint&) {});
  CHECK(testing::bit_difference(model.run_with_hooks(pairs.input(), {everywhere}),
                                model.run_with_hooks(pairs.input(), {everywhere, none})) == "");
}

TEST_CASE("A large batch in parts has the bits of its examples alone") {
  const EncoderDecoder<float> model({.d_model = 32, .n_heads = 2, .d_vocab = 5, .n_ctx = 6},
                                    Seed{4});
  const Pairs pairs = random_pairs(300, 6, 5, 1, true);
  const Tensor<float> whole = model(pairs.input());
  CHECK(testing::bit_difference(whole, model(pairs.input(), {.threads = 1})) == "");
  const auto cached = model.run_with_cache(pairs.input(), {.names = {"hook_memory"}});
  CHECK(testing::bit_difference(whole, cached.logits) == "");
  for (const Index b : {0, 137, 299}) {
    const auto alone = model(pairs.input().examples(b, b + 1));
    CHECK(testing::bit_difference(whole.slice(0, b, b + 1), alone) == "");
    const auto one =
        model.run_with_cache(pairs.input().examples(b, b + 1), {.names = {"hook_memory"}});
    CHECK(testing::bit_difference(cached.cache["hook_memory"].slice(0, b, b + 1),
                                  one.cache["hook_memory"]) == "");
  }
}

TEST_CASE("A model is a value, and goes through a file") {
  const auto model = model_number<float>(1);
  const Pairs pairs = random_pairs(2, 6, 4, 9, false);
  const Tensor<float> logits = model(pairs.input());
  auto copy = model;
  const scratch::Directory directory;
  save_model(model, directory.path());
  copy.parameters().slab().array() = 0;
  CHECK(testing::bit_difference(copy(pairs.input()), logits) != "");
  CHECK(testing::bit_difference(model(pairs.input()), logits) == "");
  load_safetensors(copy, directory / "model.safetensors");
  CHECK(testing::bit_difference(copy(pairs.input()), logits) == "");
  EncoderDecoder<float> other(config_number(0));
  CHECK_THAT(error_of([&] { load_safetensors(other, directory / "model.safetensors"); }),
             ContainsSubstring("the model has no parameter"));
}

TEST_CASE("muP draws the embeddings of both stacks with a standard deviation of 1") {
  const EncoderDecoder<double> model(
      {.d_model = 64, .n_heads = 2, .d_vocab = 100, .n_ctx = 50, .init = {InitMode::muP}});
  for (const char* name : {"encoder.embed.W_E", "decoder.embed.W_E", "decoder.pos_embed.W_pos"}) {
    CHECK(std::sqrt(var(model[name]).item()) == Approx(1).epsilon(0.05));
  }
}

TEST_CASE("Configs that cannot be are refused") {
  const auto error = [](auto change) {
    EncoderDecoderConfig c{.d_model = 8, .n_heads = 2, .d_vocab = 5, .n_ctx = 4};
    change(c);
    return error_of<ConfigError>([&] { (void)c.resolved(); });
  };
  using C = EncoderDecoderConfig;
  CHECK(error([](C& c) { c.d_model = 0; }) == "d_model is 0: it must be at least 1");
  CHECK(error([](C& c) { c.d_vocab = 0; }) == "d_vocab is 0: it must be at least 1");
  CHECK(error([](C& c) { c.n_ctx_target = 0; }) == "n_ctx_target is 0: it must be at least 1");
  CHECK(error([](C& c) { c.n_encoder_layers = -1; }) ==
        "n_encoder_layers is -1: it must be at least 0");
  CHECK(error([](C& c) { c.n_decoder_layers = 0; }) ==
        "n_decoder_layers is 0: it must be at least 1");
  CHECK(error([](C& c) { c.n_heads = 3; }) ==
        "d_head is -1 (d_model / n_heads), but d_model 8 is not a multiple of n_heads 3: set "
        "d_head");
  CHECK(error([](C& c) { c.normalization = Normalization::none, c.norm_first = true; }) ==
        "norm_first is set but normalization is none: it would change nothing");
  CHECK(error([](C& c) { c.normalization = Normalization::none, c.final_norm = true; }) ==
        "final_norm is set but normalization is none: it would change nothing");
  CHECK_THAT(error([](C& c) { c.positional_embedding = PositionalEmbedding::rotary; }),
             ContainsSubstring("an encoder-decoder has standard, sinusoidal or none"));
  CHECK(error([](C& c) { c.shared_embeddings = true, c.d_vocab_target = 6; }) ==
        "shared_embeddings: source and target have one W_E, so d_vocab_target 6 must be d_vocab 5");
  CHECK_THAT(error([](C& c) { c.init.range = -1; }), ContainsSubstring("cannot be negative"));
  CHECK_THAT(error([](C& c) { c.n_encoder_layers = 65536, c.d_model = 1 << 20; }),
             ContainsSubstring("the most is 2^40"));
}

TEST_CASE("Tokens and masks that do not fit are refused, and the error says where") {
  const auto model = model_number<double>(0);  // 6 source tokens of 6, 5 target tokens of 5
  const Tensor<Token> source({2, 3}, {1, 2, 3, 4, 5, 0}), target({2, 2}, {1, 2, 3, 4});
  const Tensor<std::uint8_t> blind({2, 3}, {1, 1, 0, 0, 0, 0}), narrow({2, 2}, {0, 1, 0, 0});
  const auto error = [&](const SourceAndTarget& in, const RunOptions& options = {}) {
    return error_of<ShapeError>([&] { (void)model(in, options); });
  };
  CHECK(error({Tensor<Token>({2, 1}, {1, 6}), target}) ==
        "the source: token 6 at [1, 0] is outside the vocabulary 0..5");
  CHECK(error({source, Tensor<Token>({2, 1}, {5, 1})}) ==
        "the target: token 5 at [0, 0] is outside the vocabulary 0..4");
  CHECK(error({Tensor<Token>({2, 7}), target}) ==
        "the source: tokens are [2, 7]: sequences of 7 are longer than n_ctx 6");
  CHECK_THAT(error({source, Tensor<Token>({2, 6})}), ContainsSubstring("the target: tokens"));
  CHECK_THAT(error({Tensor<Token>({2, 0}), target}),
             ContainsSubstring("the source: tokens are [2, 0], they must be"));
  CHECK_THAT(error({source, Tensor<Token>({2, 0})}), ContainsSubstring("the target: tokens"));
  CHECK(error({source, Tensor<Token>({3, 2})}) ==
        "the source is [2, 3], the target is [3, 2]: both must be [batch, pos], and of one batch");
  CHECK_THAT(error({Tensor<Token>({3}), target}), ContainsSubstring("the source is [3]"));
  CHECK(error({source, target, narrow}) ==
        "the mask of the source is [2, 2], the source is [2, 3]");
  CHECK(error({source, target, blind}) == "source 1 is all padding: there is nothing to read");
  CHECK(error({source, target, {}, narrow}) == "target 1 is all padding: there is nothing to read");
  CHECK_THAT(error({source, target}, {.positions = {2}}), ContainsSubstring("positions must rise"));
  CHECK_THAT(error_of<ConfigError>([&] {
               (void)model({source, target}, {.stop_at_layer = 0});
             }),
             ContainsSubstring("would change nothing"));
}

TEST_CASE("Caches and prompts that do not fit are refused") {
  const auto model = model_number<double>(0);
  const Tensor<Token> source({2, 3}, {1, 2, 3, 4, 5, 0}), begin({2, 1}, {1, 1});
  const auto with_past = [&](Index n_ctx, const Tensor<Token>& tokens) {
    return error_of<ShapeError>([&] {
      DecoderCache<double> past(source, n_ctx);
      (void)model.run_with_past(tokens, past);
    });
  };
  CHECK(with_past(6, begin) ==
        "run_with_past: the cache has room for 6 tokens, the model's n_ctx_target is 5");
  CHECK_THAT(with_past(1, Tensor<Token>({2, 2})), ContainsSubstring("do not fit n_ctx 1"));
  CHECK_THAT(with_past(5, Tensor<Token>({3, 1})), ContainsSubstring("holds 2 sequences"));
  CHECK_THAT(with_past(0, begin), ContainsSubstring("there must be one of each"));
  CHECK(error_of<ShapeError>([&] {
          DecoderCache<double>(Tensor<Token>({0, 3}), 5);
        }) == "the source is [0, 3], it must be [batch, pos] and not empty");
  CHECK_THAT(error_of<ShapeError>([&] {
               DecoderCache<double>(source, 5, Tensor<std::uint8_t>({2, 3}));
             }),
             ContainsSubstring("source 0 is all padding"));
  CHECK_THAT(error_of<ConfigError>([&] {
               DecoderCache<double> past(source, 5);
               (void)model.run_with_past(begin, past, {}, {.stop_at_layer = 0});
             }),
             ContainsSubstring("would change nothing"));
  // A hook on the source, which the first run has read.
  CHECK_THAT(error_of<Error>([&] {
               DecoderCache<double> past(source, 5);
               (void)model.run_with_past(begin, past, {zero("hook_memory")});
               (void)model.run_with_past(begin, past, {zero("hook_memory")});
             }),
             ContainsSubstring("never fired"));
  CHECK_THAT(error_of<Error>([&] {
               DecoderCache<double> past(source, 5);
               (void)model.run_with_past(begin, past);
               (void)model_number<double>(2).run_with_past(begin, past);  // two decoder layers
             }),
             ContainsSubstring("make one for each model"));
  const auto generated = [&](const Tensor<Token>& from, const Tensor<Token>& prompt,
                             const GenerateOptions& options) {
    return error_of<ShapeError>([&] { (void)generate(model, from, prompt, options); });
  };
  CHECK_THAT(generated(source, begin, {.max_new_tokens = 6}), ContainsSubstring("n_ctx 5"));
  CHECK_THAT(generated(source, Tensor<Token>({3, 1}), {.max_new_tokens = 2}),
             ContainsSubstring("of one batch"));
  CHECK_THAT(generated(source, Tensor<Token>({2, 0}), {}), ContainsSubstring("the prompt is"));
  CHECK_THAT(generated(source, Tensor<Token>({2, 1}, {1, 5}), {.max_new_tokens = 2}),
             ContainsSubstring("the target: token 5"));
  CHECK_THAT(generated(Tensor<Token>({2, 1}, {6, 1}), begin, {.max_new_tokens = 2}),
             ContainsSubstring("the source: token 6"));
}

}  // namespace
}  // namespace hooked
