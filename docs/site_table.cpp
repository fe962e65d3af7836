// Prints docs/sites.md: every hook point of a model, with its axes and when it fires. What the
// table says is read off the models themselves, one for each option.
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "hooked/nn/encoder_decoder.hpp"
#include "hooked/nn/transformer.hpp"

namespace {

using hooked::EncoderDecoderConfig;
using hooked::TransformerConfig;

struct Variant {
  std::string text;
  hooked::SiteTable sites;
};

template <class Change>
Variant variant(std::string text, Change change) {
  TransformerConfig config{
      .n_layers = 1, .d_model = 2, .n_ctx = 2, .n_heads = 1, .d_head = 2, .d_vocab = 2};
  change(config);
  return {std::move(text), hooked::Transformer<float>(config).sites()};
}

template <class Change>
Variant encoder_decoder(std::string text, Change change) {
  EncoderDecoderConfig config{.d_model = 2, .d_head = 2, .d_vocab = 2, .n_ctx = 2};
  change(config);
  return {std::move(text), hooked::EncoderDecoder<float>(config).sites()};
}

/// A row of the table: a site, and the option without which it is not there.
struct Row {
  hooked::Site site;
  std::string only_with;
};

/// The sites of the usual model, and after the site that fires before it each site that options
/// bring along.
std::vector<Row> rows_of(const hooked::SiteTable& usual, const std::vector<Variant>& with) {
  std::vector<Row> rows;
  for (const hooked::Site& site : usual) rows.push_back({site, ""});
  for (const Variant& variant : with) {
    std::size_t next = 0;
    for (const hooked::Site& site : variant.sites) {
      std::size_t i = 0;
      while (i < rows.size() && rows[i].site.name != site.name) ++i;
      if (i == rows.size()) {
        i = next;
        rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(i), {site, variant.text});
      }
      next = i + 1;
    }
  }
  return rows;
}

std::string code(const std::string& text) { return "`" + text + "`"; }

std::string joined(const std::vector<std::string>& parts, const std::string& last) {
  std::string all;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    all += (i == 0 ? "" : i + 1 == parts.size() ? last : ", ") + parts[i];
  }
  return all;
}

void print_table(const hooked::SiteTable& usual, const std::vector<Variant>& without,
                 const std::vector<Variant>& with) {
  std::cout << "| name | axes | fires |\n| --- | --- | --- |\n";
  for (const auto& [site, only_with] : rows_of(usual, with)) {
    std::string name = site.name, axes = code(site.axes_text());
    const auto layer = name.find(".0.");
    if (layer != name.npos) name.replace(layer + 1, 1, "i");
    if (!site.axes_per_head.empty()) {
      const int rank = static_cast<int>(site.axes_per_head.size());
      axes += "; " + code(site.axes_text(rank)) + " where heads have inputs of their own";
    }
    std::vector<std::string> missing;
    for (const Variant& v : without) {
      if (only_with.empty() && !v.sites.contains(site.name)) missing.push_back(v.text);
    }
    std::string fires = site.is_optional ? "when asked for" : "";
    if (!missing.empty()) {
      fires += std::string(fires.empty() ? "" : ", ") + "unless " + joined(missing, " or ");
    }
    if (!only_with.empty()) fires = "with " + only_with;
    std::cout << "| " << code(name) << " | " << axes << " | " << (fires.empty() ? "always" : fires)
              << " |\n";
  }
}

}  // namespace

int main() {
  using C = TransformerConfig;
  const hooked::SiteTable usual = variant("", [](C&) {}).sites;
  const std::vector<Variant> without{
      variant("`attn_only`", [](C& c) { c.attn_only = true; }),
      variant("`parallel_attn_mlp`", [](C& c) { c.parallel_attn_mlp = true; }),
      variant("`normalization` is none",
              [](C& c) { c.normalization = hooked::Normalization::none; }),
      variant("`positional_embedding` is rotary, alibi or none",
              [](C& c) { c.positional_embedding = hooked::PositionalEmbedding::none; }),
      variant("`hook_k` has fewer heads than `hook_q`",
              [](C& c) { c.n_heads = 2, c.n_key_value_heads = 1; })};
  const std::vector<Variant> with{
      variant("`positional_embedding` rotary",
              [](C& c) { c.positional_embedding = hooked::PositionalEmbedding::rotary; }),
      variant("`gated_mlp`", [](C& c) { c.gated_mlp = true; }),
      variant("`act_fn` solu_ln", [](C& c) { c.act_fn = hooked::Activation::solu_ln; })};

  std::cout << "# All hook points\n\n"
               "In the order in which they fire, which is the order of a cache; `i` counts blocks "
               "from 0.\n"
               "Some take more work and fire when asked for: by a name or glob that writes out "
               "their last word\n"
               "(`*.hook_result`), or by one that fits nothing else. With `hook_attn_in` or "
               "`hook_q_input`,\n"
               "`hook_k_input`, `hook_v_input`, heads have inputs of their own.\n"
               "The models themselves say what stands here (`./dev docs` writes it).\n\n";
  print_table(usual, without, with);
  std::cout << "\nNobody looking inside, attention and MLP run fused, distinct rows are computed once, and "
               "the last block\ncomputes wanted positions alone. That holds for every option but:\n\n"
               "| option | what is done instead |\n| --- | --- |\n"
               "| `attn_scores_soft_cap` | attention runs in stages: scores, pattern, mix |\n"
               "| `gated_mlp`, `act_fn` solu and solu_ln | the MLP runs in stages |\n"
               "| `positional_embedding` rotary | queries and keys are computed for distinct rows, "
               "then spread and turned |\n"
               "| `use_local_attn` | scores of hidden keys are computed, then hidden |\n";

  using E = EncoderDecoderConfig;
  std::cout << "\n## Encoder-decoders\n\n"
               "Those of an `EncoderDecoder` (`hooked/nn/encoder_decoder.hpp`); `i` counts blocks of "
               "the encoder and of the\ndecoder, each from 0. Sites of `encoder` and `hook_memory`, "
               "what the decoder attends to, have the positions of the\nsource, all others those of "
               "the target; but keys and values of `cross_attn` are the source's, and its pattern "
               "is\n[target, source]. With `norm_first`, each norm fires before the part that it is "
               "about: `ln1` before `attn`,\n`ln_cross` before `cross_attn`, `ln2` before "
               "`mlp`.\n\n";
  print_table(
      encoder_decoder("", [](E&) {}).sites,
      {encoder_decoder("`normalization` is none",
                       [](E& c) { c.normalization = hooked::Normalization::none; }),
       encoder_decoder("`positional_embedding` is none",
                       [](E& c) { c.positional_embedding = hooked::PositionalEmbedding::none; })},
      {encoder_decoder("`final_norm`", [](E& c) { c.final_norm = true; }),
       encoder_decoder("`act_fn` solu_ln",
                       [](E& c) { c.act_fn = hooked::Activation::solu_ln; })});
  std::cout << "\nNobody looking inside, attention and MLP run fused, distinct rows are computed once, "
               "and padding is left out from the\nfirst attention on: of the source unless somebody "
               "looks at what comes behind it in the encoder, or at\n`cross_attn`; of the target "
               "unless somebody looks at anything behind. Hooks see padding as they see everything "
               "else.\n";
  return std::cout.good() ? 0 : 1;
}
