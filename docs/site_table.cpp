// Prints docs/sites.md: every hook point of a model, with its axes and when it fires. What the
// table says is read off the models themselves, one for each option.
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "hooked/nn/transformer.hpp"

namespace {

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

std::string code(const std::string& text) { return "`" + text + "`"; }

std::string joined(const std::vector<std::string>& parts, const std::string& last) {
  std::string all;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    all += (i == 0 ? "" : i + 1 == parts.size() ? last : ", ") + parts[i];
  }
  return all;
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
      variant("`positional_embedding` is none",
              [](C& c) { c.positional_embedding = hooked::PositionalEmbedding::none; })};

  std::cout << "# All hook points\n\n"
               "In the order in which they fire, which is the order of a cache; `i` counts blocks "
               "from 0.\n"
               "Some take more work and fire when asked for: by a name or glob that writes out "
               "their last word\n"
               "(`*.hook_result`), or by one that fits nothing else. With `hook_attn_in` or "
               "`hook_q_input`,\n"
               "`hook_k_input`, `hook_v_input`, heads have inputs of their own.\n"
               "The models themselves say what stands here (`./dev docs` writes it).\n\n"
               "| name | axes | fires |\n| --- | --- | --- |\n";
  for (const hooked::Site& site : usual) {
    std::string name = site.name, axes = code(site.axes_text());
    if (site.layer() == 0) name.replace(name.find('0'), 1, "i");

    if (!site.axes_per_head.empty()) {
      const int rank = static_cast<int>(site.axes_per_head.size());
      axes += "; " + code(site.axes_text(rank)) + " where heads have inputs of their own";
    }
    std::vector<std::string> missing;
    for (const Variant& v : without) {
      if (!v.sites.contains(site.name)) missing.push_back(v.text);
    }
    std::string fires = site.is_optional ? "when asked for" : "";
    if (!missing.empty()) {
      fires += std::string(fires.empty() ? "" : ", ") + "unless " + joined(missing, " or ");
    }
    std::cout << "| " << code(name) << " | " << axes << " | " << (fires.empty() ? "always" : fires)
              << " |\n";
  }
  return std::cout.good() ? 0 : 1;
}
