// All steps of weight processing in their order, with a report of what each changed and of how well
// it kept what it promises to keep (contract, 10).
#pragma once

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/creation.hpp"
#include "hooked/core/masks.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/interp/weight_steps.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Which steps are done; those of HookedTransformer's from_pretrained if nothing is said.
struct ProcessingOptions {
  bool fold_layer_norm = true;                   ///< norms' weights into what reads them
  bool center_writing_weights = true;            ///< no mean in what is written to the stream
  bool center_unembed = true;                    ///< no mean over the outputs in W_U and b_U
  bool fold_value_biases = true;                 ///< b_V into b_O
  bool refactor_factored_attn_matrices = false;  ///< singular factors for every head
  /// [batch, pos], on which errors are measured; empty: four random sequences.
  Tensor<Token> tokens = {};
};

/// What one step did.
struct ProcessingStep {
  std::string name;                  ///< "fold_layer_norm"
  std::vector<std::string> changed;  ///< parameters that it changed or took away
  double logits_error = 0;           ///< the most that it changed a logit
  double log_probs_error = 0;        ///< the most that it changed a log-probability, in nats
};

/// What processing did, printed as a table.
struct ProcessingReport {
  std::vector<ProcessingStep> steps;  ///< in their order
  double log_probs_error = 0;         ///< of all steps together
};

/// A processed model and what was done to it.
template <Scalar T>
struct ProcessedWeights {
  Transformer<T> model;     ///< computes what the model given did, under a config of its own
  ProcessingReport report;  ///< what each step changed, and how exactly
};

namespace detail {

template <Scalar T>
std::vector<std::string> changed_parameters(const Transformer<T>& from, const Transformer<T>& to) {
  std::vector<std::string> changed;
  for (const std::string& name : from.parameters().names()) {
    if (!to.parameters().contains(name) || any(from[name] != to[name])) changed.push_back(name);
  }
  return changed;
}

// "blocks.*.ln1.w" for those of all blocks, each once.
inline std::vector<std::string> with_blocks_as_one(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (std::string name : names) {
    if (name.starts_with("blocks.")) name.replace(7, name.find('.', 7) - 7, "*");
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(std::move(name));
  }
  return all;
}

}  // namespace detail

/// A line or two for each step: its errors, and the parameters that it changed.
inline std::ostream& operator<<(std::ostream& out, const ProcessingReport& report) {
  for (const ProcessingStep& step : report.steps) {
    char errors[64];
    std::snprintf(errors, sizeof errors, "logits %.1e, log-probs %.1e", step.logits_error,
                  step.log_probs_error);
    out << step.name << ": " << errors << "\n ";
    for (const std::string& name : detail::with_blocks_as_one(step.changed)) out << " " << name;
    out << (step.changed.empty() ? " nothing to change\n" : "\n");
  }
  return out;
}

/// Folds the norms' weights, centres what is written to the stream, centres the unembedding, folds
/// b_V into b_O, and, if asked, refactors the attention: the functions of these names, in this
/// order, as far as the options say. In T throughout; the model given stays as it is. Invariant:
/// probabilities and so the loss.
/// Throws ConfigError, saying which option to change, where a step would change them; ShapeError
/// for tokens that the model cannot read; Error when the model has hooks.
template <Scalar T>
ProcessedWeights<T> process_weights(const Transformer<T>& model,
                                    const ProcessingOptions& options = {}) {
  if (model.n_hooks() > 0) {
    fail<Error>("process_weights: the model has hooks, which may not fit the new weights: ",
                "reset_hooks() on a copy");
  }
  const TransformerConfig& c = model.config();
  const Tensor<Token> tokens =
      options.tokens.numel() > 0
          ? options.tokens
          : randint<Token>(0, c.d_vocab, {4, std::min<Index>(c.n_ctx, 32)}, Seed{});
  const auto difference = [](const Tensor<T>& a, const Tensor<T>& b) {
    return static_cast<double>(max_norm(a - b).item());
  };
  ProcessedWeights<T> now{model, {}};
  const Tensor<T> original = model(tokens);
  Tensor<T> before = original;
  const auto apply = [&](bool is_wanted, const char* name, const auto& step) {
    if (!is_wanted) return;
    Transformer<T> next = step(now.model);
    const Tensor<T> after = next(tokens);
    now.report.steps.push_back({name, detail::changed_parameters(now.model, next),
                                difference(after, before),
                                difference(log_softmax(after), log_softmax(before))});
    now.model = std::move(next);
    before = after;
  };
  apply(options.fold_layer_norm, "fold_layer_norm", fold_layer_norm<T>);
  apply(options.center_writing_weights, "center_writing_weights", center_writing_weights<T>);
  apply(options.center_unembed, "center_unembed", center_unembed<T>);
  apply(options.fold_value_biases, "fold_value_biases", fold_value_biases<T>);
  apply(options.refactor_factored_attn_matrices, "refactor_factored_attn_matrices",
        refactor_factored_attn_matrices<T>);
  now.report.log_probs_error = difference(log_softmax(before), log_softmax(original));
  return now;
}

}  // namespace hooked
