// Checkpoints that transformers wrote, and what it computed with them (tests/golden).
#include "hooked/io/hugging_face.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "hooked/testing/bits.hpp"
#include "io/scratch.hpp"

using namespace hooked;
using Catch::Matchers::ContainsSubstring;
using hooked::testing::bit_difference;
using scratch::error_of;

namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path checkpoint(const std::string& name) {
  return std::filesystem::path(HOOKED_TESTS_DIR) / "golden/hugging_face" / name;
}

/// The largest |found - expected| / (1 + |expected|).
template <Scalar T>
double distance(const Tensor<T>& found, const Json& expected) {
  REQUIRE(static_cast<std::size_t>(found.numel()) == expected.size());
  double largest = 0;
  for (Index i = 0; i < found.numel(); ++i) {
    const double there = expected[static_cast<std::size_t>(i)].get<double>();
    const double off = std::abs(static_cast<double>(found.data()[i]) - there);
    largest = std::max(largest, off / (1 + std::abs(there)));
  }
  return largest;
}

Tensor<Token> tokens_of(const Json& expected) {
  std::vector<Token> all;
  for (const Json& row : expected["tokens"]) {
    for (const Json& token : row) all.push_back(token.get<Token>());
  }
  const auto rows = static_cast<Index>(expected["tokens"].size());
  return Tensor<Token>({rows, static_cast<Index>(all.size()) / rows}, all);
}

/// A copy of a golden checkpoint, to be spoilt.
class Copy {
 public:
  explicit Copy(const std::string& name) {
    std::filesystem::copy(checkpoint(name), here_.path(), std::filesystem::copy_options::recursive);
  }
  std::string path() const { return here_.path().string(); }
  std::filesystem::path operator/(const std::string& name) const { return here_ / name; }
  /// Changes keys of config.json.
  void configure(const std::string& changes) const {
    Json json = load_json(here_ / "config.json");
    json.update(parse_json(changes, "test"));
    save_json(here_ / "config.json", json);
  }
  /// Writes the tensors again, all in double, after `change` has had them.
  template <class Change>
  void rewrite(const Change& change) const {
    std::map<std::string, Tensor<double>> tensors;
    {
      const SafetensorsFile file(here_ / "model.safetensors");
      for (const std::string& name : file.names()) tensors[name] = file.read<double>(name);
    }
    change(tensors);
    std::vector<NamedTensor> list;
    for (const auto& [name, value] : tensors) list.push_back({name, value});
    save_safetensors(here_ / "model.safetensors", list);
  }
  std::string refusal() const {
    return error_of<Error>([&] { load_hugging_face<double>(here_.path()); });
  }

 private:
  scratch::Directory here_;
};

TransformerConfig config_of(const std::string& name) {
  return hugging_face_config(load_json(checkpoint(name) / "config.json"), "config.json");
}

}  // namespace

TEST_CASE("Checkpoints of GPT-2 and GPT-NeoX give transformers' hidden states and logits", "[io]") {
  for (const std::string name : {"gpt2", "gpt2_untied", "gpt2_unscaled", "gpt2_half", "neox",
                                 "neox_serial", "neox_tied", "neox_half"}) {
    CAPTURE(name);
    const Json expected = load_json(checkpoint(name) / "expected.json");
    const auto model = load_hugging_face<double>(checkpoint(name));
    const auto [logits, cache] = model.run_with_cache(tokens_of(expected));
    CHECK(distance(logits, expected["logits"]) < 1e-12);
    const Json& streams = expected["hidden_states"];
    REQUIRE(streams.size() == 3);
    CHECK(distance(cache["resid_pre0"], streams[0]) < 1e-12);
    CHECK(distance(cache["resid_pre1"], streams[1]) < 1e-12);
    CHECK(distance(cache["unembed.hook_in"], streams[2]) < 1e-12);
    const auto in_float = load_any_model<float>(checkpoint(name));
    CHECK(distance(in_float(tokens_of(expected)), expected["logits"]) < 1e-4);
  }
}

TEST_CASE("A config of Hugging Face says the same in our words", "[io]") {
  const TransformerConfig gpt2 = config_of("gpt2");
  CHECK(gpt2.act_fn == Activation::gelu_new);
  CHECK(gpt2.d_mlp == 32);
  CHECK(gpt2.d_head == 4);
  CHECK(gpt2.tied_embeddings);
  CHECK(gpt2.eps == 1e-5);
  const TransformerConfig untied = config_of("gpt2_untied");
  CHECK(untied.d_mlp == 12);
  CHECK(untied.eps == 1e-3);
  CHECK(untied.act_fn == Activation::relu);
  CHECK(untied.scale_attn_by_inverse_layer_idx);
  CHECK(!untied.tied_embeddings);
  CHECK(!config_of("gpt2_unscaled").use_attn_scale);
  const TransformerConfig neox = config_of("neox");
  CHECK(neox.positional_embedding == PositionalEmbedding::rotary);
  CHECK(neox.rotary_dim == 2);
  CHECK(neox.parallel_attn_mlp);
  CHECK(neox.act_fn == Activation::gelu);
  const TransformerConfig serial = config_of("neox_serial");  // with the keys of older versions
  CHECK(serial.rotary_dim == 8);
  CHECK(serial.rotary_base == 100);
  CHECK(!serial.parallel_attn_mlp);
}

TEST_CASE("A model of Hugging Face is saved and loaded as ours, tied or not", "[io]") {
  for (const std::string name : {"gpt2", "neox"}) {
    const scratch::Directory directory;
    const auto model = load_hugging_face<float>(checkpoint(name));
    save_model(model, directory / "ours");
    const auto again = load_any_model<float>(directory / "ours");
    CHECK(again.config() == model.config());
    CHECK(bit_difference(again.parameters().slab(), model.parameters().slab()) == "");
  }
}

TEST_CASE("A tensor that is missing, left over, doubled or of another shape is an error", "[io]") {
  const Copy copy("gpt2");
  const std::string path = copy.path(), file = path + "/model.safetensors: tensor ";
  copy.rewrite([](auto& t) { t.erase("transformer.h.1.mlp.c_fc.bias"); });
  CHECK(copy.refusal() == path + ": the tensor \"h.1.mlp.c_fc.bias\" is missing");
  copy.rewrite([](auto& t) { t["transformer.h.1.mlp.c_fc.bias"] = Tensor<double>({31}); });
  CHECK(copy.refusal() ==
        file + "\"transformer.h.1.mlp.c_fc.bias\" is [31], by the config it is [32]");
  copy.rewrite([](auto& t) {
    t["transformer.h.1.mlp.c_fc.bias"] = Tensor<double>({32});
    t["transformer.h.1.mlp.c_fc.bia"] = Tensor<double>({32});
  });
  CHECK(copy.refusal() == file +
                              "\"transformer.h.1.mlp.c_fc.bia\" is none of this model's; the "
                              "nearest are: h.1.mlp.c_fc.bias, h.0.mlp.c_fc.bias, "
                              "h.1.mlp.c_fc.weight");
  copy.rewrite([](auto& t) {
    t.erase("transformer.h.1.mlp.c_fc.bia");
    t["h.1.mlp.c_fc.bias"] = Tensor<double>({32});
  });
  CHECK(copy.refusal() ==
        file +
            "\"transformer.h.1.mlp.c_fc.bias\" is there twice, with \"transformer.\" and without");
  copy.rewrite([](auto& t) {
    t.erase("h.1.mlp.c_fc.bias");
    t["lm_head.weight"] = Tensor<double>({11, 8});
  });
  CHECK(copy.refusal() ==
        "\"lm_head.weight\" is not the embedding, but the config ties the two: set "
        "\"tie_word_embeddings\" to false");
  copy.configure(R"({"tie_word_embeddings": false})");
  CHECK(copy.refusal() == "(nothing was thrown)");
  const Tensor<Token> whole({8});
  save_safetensors(copy / "model.safetensors", {{"ln_f.bias", whole}});
  CHECK(copy.refusal() == file + "\"ln_f.bias\" holds I32 and cannot be read as F64");
}

TEST_CASE("What a config of Hugging Face asks for and is not offered is an error", "[io]") {
  const auto refusal = [](const std::string& name, const std::string& changes) {
    const Copy copy(name);
    copy.configure(changes);
    const std::string text = copy.refusal(), label = copy.path() + "/config.json: ";
    return text.starts_with(label) ? text.substr(label.size()) : text;
  };
  CHECK(refusal("gpt2", R"({"model_type": "llama"})") ==
        "\"model_type\": \"llama\" is not one of: gpt2, gpt_neox");
  CHECK(refusal("gpt2", R"({"model_type": null, "architectures": ["LlamaForCausalLM"]})") ==
        "\"architectures\": \"LlamaForCausalLM\" is not one of: GPT2LMHeadModel, GPT2Model, "
        "GPTNeoXForCausalLM, GPTNeoXModel");
  CHECK(refusal("gpt2", R"({"model_type": null, "architectures": null})") ==
        "names no \"model_type\"; known are gpt2 and gpt_neox");
  CHECK(refusal("gpt2", R"({"model_type": null})") == "(nothing was thrown)");
  CHECK(refusal("gpt2", R"({"add_cross_attention": true})") ==
        "\"add_cross_attention\" is true, which is not offered");
  CHECK(refusal("gpt2", R"({"pruned_heads": {}})") == "(nothing was thrown)");
  CHECK(refusal("gpt2", R"({"activation_function": "tanh"})") ==
        "\"activation_function\": \"tanh\" is not one of: relu, gelu, gelu_new, "
        "gelu_pytorch_tanh, gelu_fast, silu, swish");
  CHECK(refusal("gpt2", R"({"n_head": 3})") == "3 heads do not divide a width of 8");
  CHECK(refusal("gpt2", R"({"n_head": "two"})") ==
        "\"n_head\" is \"two\", which is of the wrong type");
  CHECK(refusal("gpt2", R"({"n_positions": 0})") == "n_ctx is 0: it must be at least 1");
  CHECK(refusal("gpt2", R"({"quantization_config": {"bits": 4}})") ==
        "\"quantization_config\" is {\"bits\":4}, which is not offered");
  CHECK(refusal("neox", R"({"attention_bias": false})") ==
        "\"attention_bias\" is false, which is not offered");
  CHECK(refusal("neox", R"({"rope_parameters": {"rope_type": "linear", "factor": 2}})") ==
        "\"rope_parameters\": \"rope_type\" is \"linear\", which is not offered");
  CHECK(refusal("neox_serial", R"({"rope_scaling": {"type": "dynamic", "factor": 2}})") ==
        "\"rope_scaling\": \"type\" is \"dynamic\", which is not offered");
}

TEST_CASE("Shards are what their index says", "[io]") {
  const Copy copy("gpt2_untied");
  const auto index = copy / "model.safetensors.index.json";
  const Json good = load_json(index);
  const std::string label = index.string() + ": ", first = "model-00001-of-00002.safetensors";
  const auto refusal = [&](auto change) {
    Json json = good;
    change(json);
    save_json(index, json);
    return copy.refusal();
  };
  CHECK(refusal([](Json& j) { j.erase("weight_map"); }) ==
        label + "holds no \"weight_map\" from tensors to files");
  CHECK(refusal([&](Json& j) { j["weight_map"]["x"] = first; }) ==
        label + "\"x\" is not in " + first);
  CHECK(refusal([&](Json& j) { j["weight_map"]["lm_head.weight"] = "../" + first; }) ==
        label + "\"lm_head.weight\" is in \"../" + first +
            "\", expected the name of a file beside it");
  CHECK(refusal([](Json& j) { j["weight_map"].erase("lm_head.weight"); }) ==
        label + "does not name \"lm_head.weight\"");
  CHECK_THAT(refusal([](Json& j) { j["weight_map"]["lm_head.weight"] = "none"; }),
             ContainsSubstring("/none: cannot be read: No such file or directory"));
  std::filesystem::remove(index);
  CHECK(copy.refusal() == copy.path() +
                              ": holds neither model.safetensors nor "
                              "model.safetensors.index.json");
  write_file(copy / "pytorch_model.bin", "");
  CHECK_THAT(copy.refusal(), ContainsSubstring("; pytorch_model.bin is not read"));
}

TEST_CASE("A damaged file of Hugging Face loads or is one of our errors", "[io]") {
  const Copy copy("neox_half");
  const std::string valid = read_file(copy / "model.safetensors");
  unsigned refused = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    std::ofstream(copy / "model.safetensors", std::ios::binary) << scratch::damaged(valid, seed);
    try {
      load_hugging_face<float>(copy.path());
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 25);
}
