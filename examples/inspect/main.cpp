// Looks into any model on disk: what it is, what it predicts for some tokens, layer by layer, where
// its heads look, and any activation as .npz for other programs.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "heads.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/io/config_json.hpp"
#include "hooked/io/hugging_face.hpp"
#include "hooked/io/npz.hpp"
#include "lens.hpp"
#include "options.hpp"
#include "predictions.hpp"

namespace inspect {

void print_model(const hooked::Transformer<float>& model, const std::string& kind) {
  const hooked::TransformerConfig& c = model.config();
  const auto json = hooked::config_to_json(c);
  const auto word = [&](const char* key) {
    return json[key].is_null() ? std::string("none") : json[key].get<std::string>();
  };
  std::printf("model   %s: %td layers, d_model %td, %td heads of %td", kind.c_str(), c.n_layers,
              c.d_model, c.n_heads, c.d_head);
  if (c.has_mlp()) std::printf(", d_mlp %td", c.d_mlp);
  std::printf("\n        vocabulary %td", c.d_vocab);
  if (c.d_vocab_out != c.d_vocab) std::printf(" to %td", c.d_vocab_out);
  std::printf(", up to %td tokens\n        %s, norm %s, positions %s%s%s\n", c.n_ctx,
              word("act_fn").c_str(), word("normalization_type").c_str(),
              word("positional_embedding_type").c_str(),
              c.parallel_attn_mlp ? ", attention and MLP side by side" : "",
              c.tied_embeddings ? ", W_U is W_E^T" : "");
  const auto numbers = static_cast<double>(model.n_params_total());
  std::printf("        %td parameters, %.1f MB in float\n", model.n_params_total(),
              numbers * sizeof(float) / 1e6);
}

void run(const Options& options) {
  const Tensor<Token> tokens = tokens_of(options);
  const std::vector<std::string> globs = globs_of(options);
  const auto json = hooked::load_json(options.model / "config.json");
  const auto model = hooked::load_any_model<float>(options.model);
  const hooked::TransformerConfig& c = model.config();
  std::vector<hooked::SiteSelector> names(globs.begin(), globs.end());
  std::set<std::string> asked;  // sites to save; the lens and the heads want others
  for (const hooked::SiteSelector& name : names) {
    for (const hooked::SiteId id : name.resolve(model.sites()))
      asked.insert(model.sites()[id].name);
  }

  const bool has_next = tokens.size(1) > 1;
  const bool follows = has_next && c.d_vocab_out == c.d_vocab;
  for (Index l = 0; l < c.n_layers; ++l) {  // for the lens and the heads
    names.push_back(hooked::text("blocks.", l, ".hook_resid_pre"));
    if (has_next) names.push_back(hooked::text("blocks.", l, ".attn.hook_pattern"));
  }
  if (c.n_layers > 0) names.push_back(hooked::text("blocks.", c.n_layers - 1, ".hook_resid_post"));
  const hooked::RunOptions how{.threads = options.threads};
  hooked::CacheOptions<float> keep;
  keep.names = std::move(names);
  keep.run = how;
  const auto [logits, cache] = model.run_with_cache(tokens, std::move(keep));

  const bool is_theirs = hooked::is_hugging_face_config(json);
  print_model(model, is_theirs ? "Hugging Face " + json.value("model_type", std::string())
                               : "HookedTransformer");
  std::printf("tokens  %td x %td [batch, pos]\n", tokens.size(0), tokens.size(1));
  if (follows) {
    std::printf("loss    %.4f nats a token, by chance %.4f\n", fit_of(logits, tokens).loss,
                std::log(static_cast<double>(c.d_vocab)));
  }
  for (Index b = 0; b < tokens.size(0); ++b) {
    std::printf("\nsequence %td\n", b);
    print_predictions(logits.select(0, b), tokens.select(0, b), follows, options.top);
  }
  if (c.n_layers > 0) print_lens(model, cache, tokens, follows, how);
  if (c.n_layers > 0 && has_next) print_head_scores(cache, tokens, options.top);
  if (c.n_layers > 0 && options.detect) print_detectors(model, how);
  if (globs.empty()) return;

  std::vector<hooked::NamedTensor> saved{{"tokens", tokens}};
  for (const auto& [name, value] : cache) {
    if (asked.contains(name.substr(0, name.find(':')))) saved.push_back({name, value});
  }
  hooked::save_npz(options.out, saved);
  std::printf("\n%zu activations and the tokens are in %s\n", saved.size() - 1,
              options.out.c_str());
}

}  // namespace inspect

int main(int argc, char** argv) {
  inspect::Options options;
  CLI::App app(
      "Looks into a model on disk: a directory that save_model or TransformerLens wrote, or a "
      "GPT-2 or GPT-NeoX of Hugging Face. Exit status: 0, or 1 when something is wrong.");
  app.add_option("MODEL_DIR", options.model, "config.json and model.safetensors")->required();
  auto* const list = app.add_option("--tokens", options.tokens, "token ids of one sequence: 1,2,3");
  auto* const file = app.add_option("--tokens-file", options.tokens_file,
                                    ".npy of [pos] or [batch, pos], or text: a sequence a line");
  list->excludes(file);
  app.add_option("--top", options.top, "how many predictions and heads are shown")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_flag("--detect", options.detect, "score every head on random tokens that come twice");
  app.add_option("--save", options.save,
                 "activations to write, names or globs: \"pattern0,*.hook_z\"");
  app.add_option("--out", options.out, "the .npz that they are written to");
  app.add_option("--threads", options.threads, "0: all processors; changes no result")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    if (list->count() + file->count() == 0) {
      throw CLI::RequiredError("--tokens or --tokens-file");
    }
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "inspect: %s (--help lists the options)\n", error.what());
    return 1;
  }
  try {
    inspect::run(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inspect: %s\n", error.what());
    return 1;
  }
}
