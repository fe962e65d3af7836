#include "hooked/io/model.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "catch.hpp"
#include "hooked/io/model_files.hpp"
#include "hooked/testing/bits.hpp"
#include "io/python.hpp"
#include "io/scratch.hpp"

using namespace hooked;
using Catch::Matchers::ContainsSubstring;
using hooked::testing::bit_difference;
using scratch::error_of;

namespace {

TransformerConfig small() {
  return {.n_layers = 1,
          .d_model = 6,
          .n_ctx = 5,
          .n_heads = 2,
          .d_head = 4,
          .d_mlp = 3,
          .d_vocab = 7,
          .act_fn = Activation::gelu};
}
TransformerConfig small_with(const auto& change) {
  TransformerConfig config = small();
  change(config);
  return config;
}

/// A model whose biases and norm weights are not their plain 0 and 1 either.
template <Scalar T>
Transformer<T> filled(const TransformerConfig& config, Seed seed = {}) {
  Transformer<T> model(config, seed);
  Random random(seed, "filled");
  for (const std::string& name : model.parameters().names()) {
    for_each_element(model[name], [&](Index, T& number) {
      number = static_cast<T>(static_cast<double>(number) + 0.3 * random.normal());
    });
  }
  return model;
}

Tensor<Token> tokens() { return Tensor<Token>({2, 4}, {1, 2, 3, 0, 6, 4, 4, 5}); }

nlohmann::ordered_json json_of(const std::string& text) { return parse_json(text, "test"); }
TransformerConfig config_in(const std::string& text) {
  return config_from_json(json_of(text), "config.json");
}
std::string refusal_of(const std::string& text) {
  return error_of<Error>([&] { config_in(text); });
}
/// What is said of the small config with some keys changed or added.
std::string refusal_with(const std::string& changes) {
  nlohmann::ordered_json json = config_to_json(small());
  json.update(json_of(changes));
  return refusal_of(json.dump());
}
TransformerConfig accepted_with(const std::string& changes) {
  nlohmann::ordered_json json = config_to_json(small());
  json.update(json_of(changes));
  return config_in(json.dump());
}

}  // namespace

// ---- Configs.

TEST_CASE("A config is written under the keys of HookedTransformerConfig, resolved or not",
          "[io]") {
  CHECK(config_to_json(small().resolved()).dump() ==
        R"({"n_layers":1,"d_model":6,"n_ctx":5,"n_heads":2,"d_head":4,"d_mlp":3,"d_vocab":7,)"
        R"("d_vocab_out":7,"act_fn":"gelu","normalization_type":"LN","eps":1e-05,)"
        R"("final_rms":false,"attn_only":false,"parallel_attn_mlp":false,)"
        R"("positional_embedding_type":"standard","attention_dir":"causal","use_attn_scale":true,)"
        R"("attn_scale":2.0,"scale_attn_by_inverse_layer_idx":false,"init_mode":"gpt2",)"
        R"("initializer_range":0.32659863237109044})");
  const auto unresolved = config_to_json(small());
  CHECK(unresolved["d_vocab_out"] == -1);
  CHECK(unresolved["attn_scale"] == -1.0);
}

TEST_CASE("Every setting of a config comes back from JSON", "[io]") {
  const auto there_and_back = [](const auto& change) {
    const TransformerConfig config = small_with(change).resolved();
    return config_in(config_to_json(config).dump()) == config;
  };
  using C = TransformerConfig;
  for (const auto act_fn :
       {Activation::relu, Activation::gelu, Activation::gelu_new, Activation::silu}) {
    CHECK(there_and_back([&](C& c) { c.act_fn = act_fn; }));
  }
  for (const auto normalization : {Normalization::LN, Normalization::LNPre, Normalization::RMS,
                                   Normalization::RMSPre, Normalization::none}) {
    CHECK(there_and_back([&](C& c) { c.normalization = normalization; }));
  }
  for (const auto mode : {InitMode::gpt2, InitMode::xavier_uniform, InitMode::xavier_normal,
                          InitMode::kaiming_uniform, InitMode::kaiming_normal, InitMode::muP}) {
    CHECK(there_and_back([&](C& c) { c.init_mode = mode; }));
  }
  CHECK(there_and_back([](C& c) { c.attention_dir = AttentionDirection::bidirectional; }));
  CHECK(there_and_back([](C& c) { c.positional_embedding = PositionalEmbedding::none; }));
  CHECK(there_and_back([](C& c) { c.n_layers = 0, c.n_heads = 3, c.d_vocab_out = 2; }));
  CHECK(there_and_back([](C& c) { c.eps = 1.0 / 3, c.final_rms = true, c.attn_only = true; }));
  CHECK(there_and_back([](C& c) { c.parallel_attn_mlp = true; }));
  CHECK(there_and_back([](C& c) { c.use_attn_scale = false, c.attn_scale = 0.1; }));
  CHECK(there_and_back([](C& c) { c.scale_attn_by_inverse_layer_idx = true; }));
  CHECK(there_and_back([](C& c) { c.freeze_biases = true; }));
}

TEST_CASE("Missing keys and null keep the defaults", "[io]") {
  const TransformerConfig config = config_in(
      R"({"d_model": 6, "d_head": 3, "n_ctx": 5, "d_vocab": 7, "act_fn": null, "d_mlp": null,
          "attn_scale": null, "attn_only": null})");
  CHECK(config.n_layers == 0);
  CHECK(config.n_heads == 2);
  CHECK(config.d_mlp == 24);
  CHECK(config.act_fn == Activation::relu);
  CHECK(config.normalization == Normalization::LN);
  CHECK(config.attn_scale == Approx(std::sqrt(3.0)));
  CHECK(accepted_with(R"({"normalization_type": null})").normalization == Normalization::none);
}

TEST_CASE("Numbers that went through a float are whole numbers again", "[io]") {
  CHECK(accepted_with(R"({"d_mlp": 12.0})").d_mlp == 12);
  CHECK(accepted_with(R"({"attn_scale": 3})").attn_scale == 3.0);
}

TEST_CASE("What HookedTransformerConfig.to_dict() says besides is passed over where it is off",
          "[io]") {
  // All keys of transformer-lens 3.9.0 that TransformerConfig lacks, with their values for a model
  // that needs none of them.
  const std::string others =
      R"({"device": "cpu", "default_prepend_bos": true, "n_key_value_heads": null,
          "gated_mlp": false, "uses_rms_norm": false, "layer_norm_folding": false,
          "num_experts": null, "experts_per_token": null, "model_name": "custom",
          "use_qk_norm": false, "clip_qkv": null, "use_logn_attn": false, "train_seq_length": null,
          "use_dynamic_ntk_rope": false, "use_local_attn": false,
          "ungroup_grouped_query_attention": false, "original_architecture": null,
          "from_checkpoint": false, "checkpoint_index": null, "checkpoint_label_type": null,
          "checkpoint_value": null, "tokenizer_name": null, "window_size": null,
          "attn_types": null, "n_devices": 1, "seed": 1, "init_weights": true, "rotary_dim": null,
          "n_params": 256, "use_hook_tokens": false, "tokenizer_prepends_bos": null,
          "post_embedding_ln": false, "rotary_base": 10000, "rotary_base_local": null,
          "rotary_scaling_factor": 1.0, "trust_remote_code": false,
          "rotary_adjacent_pairs": false, "load_in_4bit": false, "quantization_method": null,
          "relative_attention_max_distance": null, "relative_attention_num_buckets": null,
          "decoder_start_token_id": null, "tie_word_embeddings": false,
          "use_normalization_before_and_after": false, "attn_scores_soft_cap": -1.0,
          "output_logits_soft_cap": -1.0, "use_NTK_by_parts_rope": false,
          "NTK_by_parts_low_freq_factor": 1.0, "NTK_by_parts_high_freq_factor": 4.0,
          "NTK_by_parts_factor": 8.0, "NTK_original_ctx_len": 8192, "use_yarn_rope": false,
          "yarn_factor": 1.0, "yarn_attention_factor": 1.0, "yarn_beta_fast": 32.0,
          "yarn_beta_slow": 1.0, "yarn_original_max_position_embeddings": 4096,
          "yarn_truncate": true, "yarn_global_attn_only": false, "use_attention_sinks": false,
          "norm_topk_prob": false})";
  CHECK(accepted_with(others) == small().resolved());
}

TEST_CASE("Options of attention and MLP come through a file, and only where they are set", "[io]") {
  TransformerConfig c = small();
  c.positional_embedding = PositionalEmbedding::rotary;
  c.rotary_base = 100, c.rotary_adjacent_pairs = true;
  c.use_local_attn = true, c.window_size = 3;
  c.attn_types.assign(static_cast<std::size_t>(c.n_layers), AttentionType::local);
  c.n_key_value_heads = 1, c.ungroup_grouped_query_attention = true;
  c.attn_scores_soft_cap = 20.0, c.output_logits_soft_cap = 30.0;
  c.gated_mlp = true, c.act_fn = Activation::solu;
  const auto json = config_to_json(c.resolved());
  CHECK(json["attn_types"][0] == "local");
  CHECK(config_from_json(json, "config.json") == c.resolved());
  CHECK(!config_to_json(small()).contains("window_size"));
  CHECK(!config_to_json(small()).contains("rotary_base"));
}

TEST_CASE("What HookedTransformer's config says of parts that are not there is forgotten", "[io]") {
  CHECK(accepted_with(R"({"window_size": 4, "attn_types": ["local"], "rotary_dim": 2,
                          "attn_scores_soft_cap": 0, "tie_word_embeddings": true,
                          "use_hook_tokens": true, "ungroup_grouped_query_attention": true,
                          "act_fn": "gelu_pytorch_tanh"})")
            .act_fn == Activation::gelu_new);
}

TEST_CASE("What would change the model and is not offered is an error", "[io]") {
  CHECK_THAT(refusal_with(R"({"use_qk_norm": true})"),
             ContainsSubstring("config.json: \"use_qk_norm\" is true, which is not offered; "
                               "the nearest keys are: "));
  CHECK_THAT(refusal_with(R"({"num_experts": 4})"), ContainsSubstring("which is not offered"));
  CHECK_THAT(refusal_with(R"({"positional_embedding_type": "rotary", "rotary_scaling_factor": 8})"),
             ContainsSubstring("\"rotary_scaling_factor\" is 8, which is not offered"));
  // A slip of the pen is not off, whatever its value.
  CHECK_THAT(refusal_with(R"({"use_attn_scal": false})"),
             ContainsSubstring("\"use_attn_scal\" is false, which is not offered; the nearest "
                               "keys are: use_attn_scale"));
  CHECK(refusal_with(R"({"positional_embedding_type": "relative"})") ==
        "config.json: \"positional_embedding_type\": \"relative\" is not one of: standard, "
        "shortformer, rotary, alibi, sinusoidal, none");
  CHECK(refusal_with(R"({"act_fn": "xielu"})") ==
        "config.json: \"act_fn\": \"xielu\" is not one of: relu, gelu, gelu_new, "
        "gelu_pytorch_tanh, gelu_fast, silu, solu, solu_ln");
  CHECK(refusal_with(R"({"use_local_attn": true, "window_size": 2, "attn_types": ["wide"]})") ==
        "config.json: \"attn_types\": \"wide\" is not one of: global, local");
  CHECK(refusal_with(R"({"normalization_type": ""})") ==
        "config.json: \"normalization_type\": \"\" is not one of: LN, LNPre, RMS, RMSPre, null");
}

TEST_CASE("Values of the wrong type are errors with key and value", "[io]") {
  const auto wrong = [](const std::string& key, const std::string& value) {
    CHECK(refusal_with("{\"" + key + "\": " + value + "}") ==
          "config.json: \"" + key + "\" is " + value + ", which is of the wrong type");
  };
  wrong("d_model", "\"6\"");
  wrong("d_model", "6.5");
  wrong("d_model", "true");
  wrong("n_layers", "[1]");
  wrong("n_ctx", "18446744073709551615");
  wrong("eps", "\"small\"");
  wrong("attn_only", "1");
  wrong("act_fn", "3");
  wrong("normalization_type", "false");
  wrong("freeze_biases", "\"yes\"");
  CHECK(refusal_of("[]") == "config.json: a config is a JSON object");
}

TEST_CASE("Impossible configs in a file are errors that name the file", "[io]") {
  CHECK(refusal_of("{}") == "config.json: d_model is 0: it must be at least 1");
  CHECK(refusal_with(R"({"d_head": -4})") == "config.json: d_head is -4: it must be at least 1");
  CHECK(refusal_with(R"({"n_layers": -1})") ==
        "config.json: n_layers is -1: it cannot be negative");
  CHECK(refusal_with(R"({"n_layers": 1000000})") ==
        "config.json: n_layers is 1000000: the most is 65536");
  CHECK(refusal_with(R"({"d_vocab": 3000000000})") ==
        "config.json: d_vocab is 3000000000: the most is 2147483647");
  CHECK(refusal_with(R"({"d_model": 2000000, "d_vocab": 2000000})") ==
        "config.json: the parameters would be 8.00009e+12 numbers: the most is 2^40");
}

TEST_CASE("A damaged config loads or is one of our errors", "[io]") {
  const std::string valid = config_to_json(small()).dump();
  unsigned refused = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    try {
      config_in(scratch::damaged(valid, seed));
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

// ---- Models.

TEMPLATE_TEST_CASE("A model goes through files without losing a bit", "[io]", float, double) {
  const scratch::Directory directory;
  const auto model = filled<TestType>(small_with([](auto& c) { c.freeze_biases = true; }));
  save_model(model, directory / "deep/model");
  const auto loaded = load_model<TestType>(directory / "deep/model");
  CHECK(loaded.config() == model.config());
  CHECK(bit_difference(loaded.parameters().slab(), model.parameters().slab()) == "");
  CHECK(bit_difference(loaded(tokens()), model(tokens())) == "");
  CHECK(loaded.parameters().is_frozen(loaded.parameters().layout().find("unembed.b_U")));
}

TEST_CASE("A file of doubles loads into a model of floats, rounded, and back exactly", "[io]") {
  const scratch::Directory directory;
  const auto model = filled<double>(small());
  save_model(model, directory / "a");
  const auto as_float = load_model<float>(directory / "a");
  CHECK(as_float["embed.W_E"](1, 2) == static_cast<float>(model["embed.W_E"](1, 2)));
  save_model(as_float, directory / "b");
  const auto back = load_model<double>(directory / "b");
  CHECK(back["embed.W_E"](1, 2) == static_cast<double>(as_float["embed.W_E"](1, 2)));
}

TEST_CASE("A model's file has the names and layouts of HookedTransformer.state_dict()", "[io]") {
  const scratch::Directory directory;
  const auto model = filled<float>(small());
  save_safetensors(model, directory / "x");
  const SafetensorsFile file(directory / "x");
  CHECK(file.names() ==
        std::vector<std::string>{
            "blocks.0.attn.IGNORE", "blocks.0.attn.W_K",  "blocks.0.attn.W_O", "blocks.0.attn.W_Q",
            "blocks.0.attn.W_V",    "blocks.0.attn.b_K",  "blocks.0.attn.b_O", "blocks.0.attn.b_Q",
            "blocks.0.attn.b_V",    "blocks.0.attn.mask", "blocks.0.ln1.b",    "blocks.0.ln1.w",
            "blocks.0.ln2.b",       "blocks.0.ln2.w",     "blocks.0.mlp.W_in", "blocks.0.mlp.W_out",
            "blocks.0.mlp.b_in",    "blocks.0.mlp.b_out", "embed.W_E",         "ln_final.b",
            "ln_final.w",           "pos_embed.W_pos",    "unembed.W_U",       "unembed.b_U"});
  CHECK(file.shape("blocks.0.attn.W_Q") == Shape{2, 6, 4});
  CHECK(file.shape("blocks.0.attn.W_O") == Shape{2, 4, 6});
  CHECK(file.shape("blocks.0.attn.b_K") == Shape{2, 4});
  CHECK(file.shape("blocks.0.attn.mask") == Shape{0, 0});
  CHECK(file.dtype("blocks.0.attn.mask") == Dtype::boolean);
  CHECK(file.read<float>("blocks.0.attn.IGNORE").item() == -std::numeric_limits<float>::infinity());
  CHECK(file.shape("unembed.W_U") == Shape{6, 7});
  for (const char* name : {"blocks.0.attn.W_Q", "blocks.0.attn.W_O", "blocks.0.mlp.W_in"}) {
    CHECK(bit_difference(file.read<float>(name), Tensor<float>(model[name])) == "");
  }

  save_safetensors(model.parameters(), directory / "y");  // the parameters and nothing else
  CHECK(SafetensorsFile(directory / "y").names().size() == 22);
}

TEST_CASE("A file that does not hold the model is refused, and the model stays as it was", "[io]") {
  const scratch::Directory directory;
  const auto path = directory / "x";
  auto model = filled<float>(small(), Seed{1});
  const auto before = model;
  const auto loading = [&](const Parameters<float>& other, auto change) {
    std::vector<NamedTensor> tensors = detail::named_tensors(other);
    change(tensors);
    save_safetensors(path, std::move(tensors));
    const std::string message = error_of([&] { load_safetensors(model, path); });
    CHECK(bit_difference(model.parameters().slab(), before.parameters().slab()) == "");
    return message;
  };
  const auto other = filled<float>(small(), Seed{2});
  const std::string prefix = path.string() + ": ";
  const Tensor<float> extra({3, 2});
  CHECK(loading(other.parameters(), [](auto& t) { t.pop_back(); }) ==
        prefix + "the parameter \"unembed.b_U\" is missing");
  CHECK(loading(other.parameters(),
                [&](auto& t) {
                  t.push_back({"unembed.b_V", extra});
                }) ==
        prefix +
            "the model has no parameter \"unembed.b_V\"; the nearest are: unembed.b_U, "
            "unembed.W_U, embed.W_E");
  CHECK(loading(other.parameters(), [&](auto& t) {
          t.back() = NamedTensor{"unembed.b_U", extra};
        }) == prefix + "\"unembed.b_U\" is [3, 2], the model's is [7]");
  const Tensor<Token> whole({7});
  CHECK(loading(other.parameters(), [&](auto& t) {
          t.back() = NamedTensor{"unembed.b_U", whole};
        }) == prefix + "tensor \"unembed.b_U\" holds I32 and cannot be read as F32");
  const auto wider = filled<float>(small_with([](auto& c) { c.d_mlp = 5; }));
  CHECK(loading(wider.parameters(), [](auto&) {}) ==
        prefix + "\"blocks.0.mlp.W_in\" is [6, 5], the model's is [6, 3]");

  load_safetensors(model, [&] {
    save_safetensors(other, path);
    return path;
  }());
  CHECK(bit_difference(model.parameters().slab(), other.parameters().slab()) == "");
}

TEST_CASE("A model's directory that is missing, foreign or unwritable is an error with its path",
          "[io]") {
  const scratch::Directory directory;
  const auto loading = [&] { return error_of<Error>([&] { load_model<float>(directory / "m"); }); };
  const std::string m = (directory / "m").string();
  CHECK(loading() == m + "/config.json: cannot be read: No such file or directory");
  make_directory(directory / "m");
  write_file(directory / "m/config.json", "d_model: 6\n");
  CHECK_THAT(loading(), ContainsSubstring(m + "/config.json: not JSON at byte 1: "));
  save_json(directory / "m/config.json", config_to_json(small()));
  CHECK(loading() == m + "/model.safetensors: cannot be read: No such file or directory");
  write_file(directory / "m/model.safetensors", "weights");
  CHECK(loading() == m + "/model.safetensors: has 7 bytes, but a safetensors file starts with 8 "
                         "bytes of header length");

  const Transformer<float> model(small());
  write_file(directory / "file", "");
  CHECK(error_of([&] { save_model(model, directory / "file/m"); }) ==
        (directory / "file/m").string() + ": cannot be made: Not a directory");
  CHECK(read_file(directory / "file").empty());
}

TEST_CASE("A damaged model file loads or is one of our errors, never half a model", "[io]") {
  const scratch::Directory directory;
  const auto path = directory / "x";
  const auto original = filled<float>(small(), Seed{1});
  save_safetensors(original, path);
  const std::string valid = read_file(path);
  auto model = filled<float>(small(), Seed{2});
  const Tensor<float> before = model.parameters().slab();
  unsigned refused = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::ofstream(path, std::ios::binary) << scratch::damaged(valid, seed);
    try {
      load_safetensors(model, path);
      model.parameters().slab() = before;
    } catch (const Error&) {
      ++refused;
      REQUIRE(bit_difference(model.parameters().slab(), before) == "");
    }
  }
  CHECK(refused > 50);
}

TEST_CASE("A cache becomes an .npz under the names of its sites", "[io]") {
  const scratch::Directory directory;
  const auto model = filled<double>(small());
  const auto cache = model.run_with_cache(tokens(), {.names = {"*hook_pattern", "*mlp.*"}}).cache;
  save_npz(cache, directory / "cache.npz");
  const NpzFile file(directory / "cache.npz");
  CHECK(file.names() == std::vector<std::string>{"blocks.0.attn.hook_pattern",
                                                 "blocks.0.mlp.hook_post",
                                                 "blocks.0.mlp.hook_pre"});
  CHECK(file.shape("blocks.0.attn.hook_pattern") == Shape{2, 2, 4, 4});
  CHECK(bit_difference(file.read<double>("blocks.0.mlp.hook_post"),
                       cache["blocks.0.mlp.hook_post"]) == "");
}

// ---- HookedTransformer itself.

namespace {

template <Scalar T>
void save_with_run(const Transformer<T>& model, const std::filesystem::path& directory) {
  save_model(model, directory);
  const Tensor<T> logits = model(tokens());
  const Tensor<Token> run_on = tokens();
  save_safetensors(directory / "run.safetensors", {{"tokens", run_on}, {"logits", logits}});
}

}  // namespace

TEST_CASE("HookedTransformer loads our models, we load its, and the logits agree", "[io]") {
  if (run_python("-c 'import importlib.metadata as m, safetensors, torch; "
                 "assert m.version(\"transformer-lens\") < \"4\"' 2>/dev/null") != 0) {
    WARN(
        "skipped: Python has no transformer-lens (< 4), torch and safetensors; set HOOKED_PYTHON "
        "to one that has");
    return;
  }
  // Without positions and with frozen biases, a config has no counterpart there.
  using C = TransformerConfig;
  const std::pair<const char*, TransformerConfig> models[] = {
      {"plain", small()},
      {"attn_only", small_with([](C& c) { c.attn_only = true, c.n_layers = 2; })},
      {"no_norm", small_with([](C& c) { c.normalization = Normalization::none; })},
      {"rms",
       small_with([](C& c) { c.normalization = Normalization::RMS, c.act_fn = Activation::silu; })},
      {"rms_pre", small_with([](C& c) { c.normalization = Normalization::RMSPre; })},
      {"ln_pre", small_with([](C& c) {
         c.normalization = Normalization::LNPre, c.act_fn = Activation::gelu_new;
       })},
      {"final_rms", small_with([](C& c) { c.final_rms = true, c.eps = 1e-3; })},
      {"no_blocks", small_with([](C& c) { c.n_layers = 0; })},
      {"other_head", small_with([](C& c) {
         c.n_heads = 3, c.d_vocab_out = 4, c.attn_scale = 1.5, c.act_fn = Activation::relu;
       })},
      {"bidirectional", small_with([](C& c) {
         c.attention_dir = AttentionDirection::bidirectional, c.parallel_attn_mlp = true;
       })},
      {"two_scales",
       small_with([](C& c) { c.n_layers = 2, c.scale_attn_by_inverse_layer_idx = true; })},
  };
  const scratch::Directory directory;
  for (const auto& [name, config] : models) {
    save_with_run(filled<double>(config), directory / text("ours/", name));
  }
  save_with_run(filled<float>(small()), directory / "ours/floats");
  REQUIRE(run_python("'" HOOKED_TESTS_DIR "/io/model_interop.py' '" + directory.path().string() +
                     "'") == 0);

  const auto compare = [&]<class T>(const std::string& name, T tolerance) {
    CAPTURE(name);
    const auto theirs = directory / text("theirs/", name);
    const auto model = load_model<T>(theirs);
    CHECK(model.config() == load_model<T>(directory / text("ours/", name)).config());
    const SafetensorsFile run(theirs / "run.safetensors");
    const auto expected = run.read<T>("logits"), found = model(run.read<Token>("tokens"));
    REQUIRE(found.shape() == expected.shape());
    CHECK(((found.array() - expected.array()).abs() <= tolerance * (T(1) + expected.array().abs()))
              .all());
  };
  for (const auto& [name, config] : models) compare(name, 1e-12);
  compare("floats", 1e-5f);
}
