// Where the tensors of a Hugging Face checkpoint go in the contract's layout (contract, 4).
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/io/hugging_face_config.hpp"
#include "hooked/io/safetensors.hpp"
#include "hooked/io/safetensors_shards.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked::detail {

/// What becomes of one tensor of a checkpoint.
template <Scalar T>
struct Placement {
  Shape shape;  // in the checkpoint
  std::function<void(Index first, View<const T> rows)> put;
  bool is_needed = true;
};

/// The tensors of a checkpoint under their names without prefix, and where in `model` each goes.
template <Scalar T>
class Placements {
 public:
  Placements(Transformer<T>& model, HuggingFaceFamily family) : model_(&model) {
    if (family == HuggingFaceFamily::gpt2) {
      gpt2();
    } else {
      gpt_neox();
    }
  }

  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  const Placement<T>* find(const std::string& name) const {
    const auto found = all_.find(name);
    return found == all_.end() ? nullptr : &found->second;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, placement] : all_) all.push_back(name);
    return all;
  }

 private:
  const TransformerConfig& config() const { return model_->config(); }

  /// Number for number, into a view of the tensor's shape.
  void as_it_is(const std::string& name, View<T> to) {
    all_[name] = {to.shape(), [to](Index first, View<const T> rows) {
                    copy(rows, to.slice(0, first, first + rows.size(0)));
                  }};
  }
  /// .weight and .bias of a norm.
  void norm(const std::string& name, const std::string& ours) {
    as_it_is(name + ".weight", (*model_)[ours + ".w"]);
    as_it_is(name + ".bias", (*model_)[ours + ".b"]);
  }
  View<T> W_O(const std::string& block) {
    return (*model_)[block + "attn.W_O"].view_as(
        {config().n_heads * config().d_head, config().d_model});
  }
  /// The unembedding [d_vocab, d_model]. Where it is tied, a file may repeat the embedding, but no
  /// more than that.
  void unembedding(const std::string& name) {
    if (!config().tied_embeddings) return as_it_is(name, (*model_)["unembed.W_U"].transpose());
    const View<const T> W_E = std::as_const(*model_)["embed.W_E"];
    all_[name] = {W_E.shape(),
                  [W_E, name](Index first, View<const T> rows) {
                    const auto same = W_E.slice(0, first, first + rows.size(0));
                    if (std::equal(rows.data(), rows.data() + rows.numel(), same.data())) return;
                    fail<FormatError>("\"", name, "\" is not the embedding, but the config ties ",
                                      "the two: set \"tie_word_embeddings\" to false");
                  },
                  false};
  }

  /// Queries, keys and values of block `l`: W [3][head, d_model, d_head], b [3][head, d_head].
  struct Heads {
    std::array<View<T>, 3> W, b;
  };
  Heads heads(const std::string& block) {
    const auto of = [&](const char* name) { return (*model_)[block + "attn." + name]; };
    return {{of("W_Q"), of("W_K"), of("W_V")}, {of("b_Q"), of("b_K"), of("b_V")}};
  }

  /// y = x W with W [in, out] ("Conv1D"); the outputs of c_attn are [q, k or v][head][d_head].
  void gpt2() {
    as_it_is("wte.weight", (*model_)["embed.W_E"]);
    as_it_is("wpe.weight", (*model_)["pos_embed.W_pos"]);
    norm("ln_f", "ln_final");
    unembedding("lm_head.weight");
    const Index heads_here = config().n_heads, d_head = config().d_head,
                width = heads_here * d_head;
    for (Index l = 0; l < config().n_layers; ++l) {
      const std::string theirs = text("h.", l, "."), ours = text("blocks.", l, ".");
      norm(theirs + "ln_1", ours + "ln1");
      norm(theirs + "ln_2", ours + "ln2");
      const Heads qkv = heads(ours);
      all_[theirs + "attn.c_attn.weight"] = {
          {config().d_model, 3 * width}, [=](Index first, View<const T> rows) {
            const Index n = rows.size(0);
            const View<const T> parts = rows.view_as({n, 3, heads_here, d_head});
            for (int part = 0; part < 3; ++part) {
              const View<T> W = qkv.W[static_cast<std::size_t>(part)].permute({1, 0, 2});
              copy(parts.select(1, part), W.slice(0, first, first + n));
            }
          }};
      all_[theirs + "attn.c_attn.bias"] = {{3 * width}, [=](Index first, View<const T> rows) {
                                             for (Index i = 0; i < rows.size(0); ++i) {
                                               const Index r = first + i;
                                               qkv.b[static_cast<std::size_t>(r / width)](
                                                   r % width / d_head, r % d_head) = rows(i);
                                             }
                                           }};
      as_it_is(theirs + "attn.c_proj.weight", W_O(ours));
      as_it_is(theirs + "attn.c_proj.bias", (*model_)[ours + "attn.b_O"]);
      as_it_is(theirs + "mlp.c_fc.weight", (*model_)[ours + "mlp.W_in"]);
      as_it_is(theirs + "mlp.c_fc.bias", (*model_)[ours + "mlp.b_in"]);
      as_it_is(theirs + "mlp.c_proj.weight", (*model_)[ours + "mlp.W_out"]);
      as_it_is(theirs + "mlp.c_proj.bias", (*model_)[ours + "mlp.b_out"]);
    }
  }

  /// y = x W^T with W [out, in]; the outputs of query_key_value are [head][q, k or v][d_head].
  void gpt_neox() {
    as_it_is("embed_in.weight", (*model_)["embed.W_E"]);
    norm("final_layer_norm", "ln_final");
    unembedding("embed_out.weight");
    const Index d_head = config().d_head, width = config().n_heads * d_head;
    for (Index l = 0; l < config().n_layers; ++l) {
      const std::string theirs = text("layers.", l, "."), ours = text("blocks.", l, ".");
      norm(theirs + "input_layernorm", ours + "ln1");
      norm(theirs + "post_attention_layernorm", ours + "ln2");
      const Heads qkv = heads(ours);
      all_[theirs + "attention.query_key_value.weight"] = {
          {3 * width, config().d_model}, [=](Index first, View<const T> rows) {
            for (Index i = 0; i < rows.size(0); ++i) {
              const Index r = first + i, head = r / (3 * d_head);
              const auto part = static_cast<std::size_t>(r / d_head % 3);
              copy(rows.select(0, i), qkv.W[part].select(0, head).select(1, r % d_head));
            }
          }};
      all_[theirs + "attention.query_key_value.bias"] = {
          {3 * width}, [=](Index first, View<const T> rows) {
            for (Index i = 0; i < rows.size(0); ++i) {
              const Index r = first + i;
              qkv.b[static_cast<std::size_t>(r / d_head % 3)](r / (3 * d_head), r % d_head) =
                  rows(i);
            }
          }};
      as_it_is(theirs + "attention.dense.weight", W_O(ours).transpose());
      as_it_is(theirs + "attention.dense.bias", (*model_)[ours + "attn.b_O"]);
      as_it_is(theirs + "mlp.dense_h_to_4h.weight", (*model_)[ours + "mlp.W_in"].transpose());
      as_it_is(theirs + "mlp.dense_h_to_4h.bias", (*model_)[ours + "mlp.b_in"]);
      as_it_is(theirs + "mlp.dense_4h_to_h.weight", (*model_)[ours + "mlp.W_out"].transpose());
      as_it_is(theirs + "mlp.dense_4h_to_h.bias", (*model_)[ours + "mlp.b_out"]);
    }
  }

  Transformer<T>* model_;
  std::map<std::string, Placement<T>> all_;
};

/// Whether a tensor, named without prefix, is a constant of theirs: masks and frequencies.
inline bool is_their_buffer(std::string_view name) {
  for (const std::string_view constant : {".attn.bias", ".attn.masked_bias", ".attention.bias",
                                          ".attention.masked_bias", "rotary_emb.inv_freq"}) {
    if (name.ends_with(constant)) return true;
  }
  return false;
}

/// Reads every parameter of `model` from `shards`, straight to its place. `label` begins errors.
/// Throws FormatError for a tensor that is missing, left over, there twice (with prefix and
/// without) or of another shape or kind; then nothing has changed.
template <Scalar T>
void read_their_weights(Transformer<T>& model, HuggingFaceFamily family,
                        const SafetensorsShards& shards, const std::string& label) {
  const Placements<T> placements(model, family);
  const std::string prefix = family == HuggingFaceFamily::gpt2 ? "transformer." : "gpt_neox.";
  std::map<std::string, std::string> full_names;  // by those without prefix
  for (const std::string& full : shards.names()) {
    const std::string name = full.starts_with(prefix) ? full.substr(prefix.size()) : full;
    if (is_their_buffer(name)) continue;
    const Placement<T>* const placement = placements.find(name);
    const SafetensorsFile& file = shards[full];
    if (placement == nullptr) {
      fail<FormatError>(file.where(full), " is none of this model's; the nearest are: ",
                        nearest_names(name, placements.names()));
    }
    if (!full_names.emplace(name, full).second) {
      fail<FormatError>(file.where(full), " is there twice, with \"", prefix, "\" and without");
    }
    if (file.shape(full) != placement->shape) {
      fail<FormatError>(file.where(full), " is ", file.shape(full), ", by the config it is ",
                        placement->shape);
    }
    check_readable<T>(file.dtype(full), file.where(full));
  }
  for (const auto& [name, placement] : placements) {
    if (placement.is_needed && !full_names.contains(name)) {
      fail<FormatError>(label, ": the tensor \"", name, "\" is missing");
    }
  }
  for (const bool needed : {true, false}) {  // what repeats the embedding comes after it
    for (const auto& [name, full] : full_names) {
      const Placement<T>& placement = *placements.find(name);
      if (placement.is_needed != needed) continue;
      shards[full].template visit_rows<T>(full, placement.put);
    }
  }
}

}  // namespace hooked::detail
