// What train() looks at before it starts and while it runs, so that nothing goes wrong in silence.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "hooked/core/hash.hpp"
#include "hooked/io/config_json.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/train/checkpoint.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/optimizer.hpp"
#include "hooked/train/options.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/trained_model.hpp"

namespace hooked::detail {

/// Throws ConfigError for options that do not fit each other or the data.
inline void check_options(const TrainOptions& o, bool has_epochs) {
  const std::pair<const char*, Index> counts[] = {{"steps", o.steps},
                                                  {"epochs", o.epochs},
                                                  {"batch_size", o.batch_size},
                                                  {"evaluate_every", o.evaluate_every},
                                                  {"checkpoint_every", o.checkpoint_every},
                                                  {"lanes", o.lanes},
                                                  {"threads", o.threads}};
  for (const auto& [name, count] : counts) {
    if (count < 0) fail<ConfigError>("train: ", name, " is ", count, ", it cannot be negative");
  }
  if ((o.steps > 0) == (o.epochs > 0)) {
    fail<ConfigError>("train: steps is ", o.steps, " and epochs is ", o.epochs,
                      ": give one of them, at least 1");
  }
  if (o.epochs > 0 && !has_epochs) {
    fail<ConfigError>("train: data that is drawn fresh has no epochs: give steps");
  }
  if (!(o.max_grad_norm >= 0)) {
    fail<ConfigError>("train: max_grad_norm is ", o.max_grad_norm, ", it cannot be negative");
  }
  if (o.keep_best && !o.validation) {
    fail<ConfigError>("train: keep_best needs a validation set to judge by");
  }
  if (o.evaluate_every > 0 && !o.validation) {
    fail<ConfigError>("train: evaluate_every needs a validation set");
  }
  if ((o.checkpoint_every > 0 || o.resume) && o.directory.empty()) {
    fail<ConfigError>("train: checkpoints need a directory");
  }
}

/// Tells models apart whose weights do not fit each other.
template <Scalar T>
std::string kind_of(const TrainedModel<T>& model) {
  if (model.config() != nullptr) return config_to_json(*model.config()).dump();
  std::string all;
  for (const auto& entry : model.parameters().layout()) {
    all += text(all.empty() ? "" : " ", entry.name, entry.shape);
  }
  return all;
}

/// Changes with every weight.
template <Scalar T>
std::string weights_fingerprint(const TrainedModel<T>& model) {
  const Tensor<T>& slab = model.parameters().slab();
  return Hash().add(std::span(slab.data(), static_cast<std::size_t>(slab.numel()))).digits();
}

/// All of an optimiser's settings, and those of its groups: "lr 0.005, weight_decay 0.2, ...".
inline std::string settings_text(const TrainOptions& o) {
  std::string all = std::visit(
      [](const auto& s) {
        std::string of =
            text("lr ", exact_text(s.lr), ", weight_decay ", exact_text(s.weight_decay));
        if constexpr (requires { s.betas; }) {
          of += text(", betas ", exact_text(s.betas[0]), " ", exact_text(s.betas[1]), ", eps ",
                     exact_text(s.eps));
        } else {
          of += text(", momentum ", exact_text(s.momentum));
        }
        return of;
      },
      o.optimizer);
  for (const ParameterGroup& g : o.groups) {
    all += text(", \"", g.names, "\" lr_factor ", exact_text(g.lr_factor), " weight_decay_factor ",
                exact_text(g.weight_decay_factor));
  }
  return all;
}

/// What must agree for a run to go on from a checkpoint with the bits of an uninterrupted one; what
/// somebody would change comes first, since the first difference is told.
template <Scalar T>
typename Checkpoint<T>::Facts run_facts(const Together<T>& models, Job<T>& job,
                                        const TrainOptions& o, const Optimizer<T>& optimizer,
                                        Index steps, int lanes) {
  std::string positions;
  for (const Token p : job.positions()) positions += text(positions.empty() ? "" : ",", p);
  typename Checkpoint<T>::Facts facts{{"seed", std::to_string(o.seed.value)},
                                      // Without a schedule, a longer run begins as a shorter one.
                                      {"steps", o.schedule.is_constant() ? "any" : text(steps)},
                                      {"schedule", o.schedule.text()},
                                      {"optimizer", std::string(optimizer.name())},
                                      {"optimizer's settings", settings_text(o)},
                                      {"max_grad_norm", exact_text(o.max_grad_norm)},
                                      {"batch_size", std::to_string(job.largest_batch())},
                                      {"lanes", std::to_string(lanes)},
                                      {"numbers", text(dtype_of<T>())},
                                      {"positions", positions.empty() ? "all" : positions},
                                      {"keep_best", o.keep_best ? "true" : "false"}};
  for (const TrainedModel<T>& model : models) {
    const std::string of = models.size() == 1 ? "" : " of " + model.name();
    facts.emplace_back("config" + of, kind_of(model));
    if (model.is_frozen()) facts.emplace_back("frozen weights" + of, weights_fingerprint(model));
  }
  facts.emplace_back("examples", job.size_text());
  facts.emplace_back("fingerprint of the data", job.fingerprint());
  return facts;
}

/// Removes what a run that was killed while it wrote a file left in its directory.
inline void remove_leftovers(const std::filesystem::path& directory) {
  for (const char* file : {"checkpoint.safetensors", "config.json", "model.safetensors"}) {
    std::error_code none;
    for (int i = 0; std::filesystem::remove(directory / text(file, ".tmp", i), none);) ++i;
  }
}

/// The first parameter, of those that are trained, with a NaN or infinity in `slab`; or "".
template <Scalar T>
std::string first_not_finite(const Parameters<T>& parameters, const T* slab) {
  const ParameterLayout& layout = parameters.layout();
  for (std::size_t i = 0; i < layout.size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    const View<const T> numbers = layout.packed(slab, id);
    if (parameters.is_frozen(id)) continue;
    if (!std::all_of(numbers.data(), numbers.data() + numbers.numel(),
                     [](T x) { return std::isfinite(x); })) {
      return layout[id].name;
    }
  }
  return "";
}

/// Throws ConfigError when the ranks do not have the same weights; `when` ends the text.
template <Scalar T>
void check_same_weights(const Ranks& ranks, const Together<T>& models, const char* when) {
  if (ranks.size() == 1) return;
  Hash hash;
  for (const TrainedModel<T>& model : models) hash.add(weights_fingerprint(model));
  ranks.check_same(text("train: the weights ", when), hash.value());
}

/// Throws ConfigError when the ranks are not about to do the same run.
template <Scalar T>
void check_same_run(const Ranks& ranks, const typename Checkpoint<T>::Facts& facts,
                    const TrainOptions& o, Index steps, const Together<T>& models,
                    const Evaluated<T>* validation) {
  if (ranks.size() == 1) return;
  std::string told;
  const auto add = [&told](const auto&... settings) { ((told += text(settings, ' ')), ...); };
  for (const auto& [key, value] : facts) add(key, value);
  add(o.directory.string(), steps, o.evaluate_every, o.checkpoint_every, o.resume);
  if (validation != nullptr) add(validation->fingerprint());
  ranks.check_same("train: the options or the data", Hash().add(told).value());
  check_same_weights(ranks, models, "before training");
}

}  // namespace hooked::detail
