// What train() looks at before it starts and while it runs, so that nothing goes wrong in silence.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "hooked/train/checkpoint.hpp"
#include "hooked/train/evaluate.hpp"
#include "hooked/train/options.hpp"

namespace hooked::detail {

/// Throws ConfigError or ShapeError for options that do not fit each other or the data.
template <Scalar T>
void check_options(const Transformer<T>& model, const Dataset& data, const TrainOptions& o) {
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
  if (!(o.max_grad_norm >= 0)) {
    fail<ConfigError>("train: max_grad_norm is ", o.max_grad_norm, ", it cannot be negative");
  }
  if (o.keep_best && o.validation == nullptr) {
    fail<ConfigError>("train: keep_best needs a validation set to judge by");
  }
  if (o.evaluate_every > 0 && o.validation == nullptr) {
    fail<ConfigError>("train: evaluate_every needs a validation set");
  }
  if ((o.checkpoint_every > 0 || o.resume) && o.directory.empty()) {
    fail<ConfigError>("train: checkpoints need a directory");
  }
  check_dataset(model.config(), data, o.positions, "train: the training set");
  if (o.validation != nullptr) {
    check_dataset(model.config(), *o.validation, o.positions, "train: the validation set");
  }
}

/// A number that changes with what is added to it (FNV-1a, by words as they come).
class Hash {
 public:
  template <class Words>
  Hash& add(const Words& words) {
    for (const auto word : words) {
      value_ = (value_ ^ static_cast<std::make_unsigned_t<decltype(word)>>(word)) * 0x100000001b3;
    }
    return *this;
  }
  Hash& add(const Tensor<Token>& tokens) {
    return add(std::span(tokens.data(), static_cast<std::size_t>(tokens.numel())));
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

/// Sixteen hexadecimal digits that change with the data.
inline std::string fingerprint(const Dataset& data) {
  const auto hash = Hash().add(data.tokens).add(data.labels).value();
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return digits.data();
}

/// What must agree for a run to go on from a checkpoint with the bits of an uninterrupted one.
template <Scalar T>
typename Checkpoint<T>::Facts run_facts(const Transformer<T>& model, const Dataset& data,
                                        const TrainOptions& o, const Optimizer<T>& optimizer,
                                        Index batch_size, int lanes) {
  std::string positions;
  for (const Token p : o.positions) positions += text(positions.empty() ? "" : ",", p);
  return {{"config", config_to_json(model.config()).dump()},
          {"numbers", text(dtype_of<T>())},
          {"optimizer", std::string(optimizer.name())},
          {"seed", std::to_string(o.seed.value)},
          {"lanes", std::to_string(lanes)},
          {"batch_size", std::to_string(batch_size)},
          {"positions", positions.empty() ? "all" : positions},
          {"examples", std::to_string(data.size())},
          {"fingerprint of the data", fingerprint(data)},
          {"keep_best", o.keep_best ? "true" : "false"}};
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
std::string first_not_finite(const Parameters<T>& parameters, const Tensor<T>& slab) {
  const ParameterLayout& layout = parameters.layout();
  for (std::size_t i = 0; i < layout.size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    const auto numbers = layout.packed(slab.data(), id).array();
    if (!parameters.is_frozen(id) && !numbers.isFinite().all()) return layout[id].name;
  }
  return "";
}

/// Throws NumericError that names the first parameter with a NaN or infinity in its gradient.
template <Scalar T>
void check_gradient(const Parameters<T>& parameters, const Tensor<T>& gradients, double norm) {
  if (std::isfinite(norm)) return;
  const std::string name = first_not_finite(parameters, gradients);
  if (name.empty()) fail<NumericError>("the gradient's norm is ", norm);
  fail<NumericError>("the gradient of ", name, " has a NaN or infinity");
}

/// Throws ConfigError when the ranks do not have the same weights; `when` ends the text.
template <Scalar T>
void check_same_weights(const Ranks& ranks, const Parameters<T>& parameters, const char* when) {
  if (ranks.size() == 1) return;
  const Tensor<T>& slab = parameters.slab();
  const auto size = static_cast<std::size_t>(slab.numel()) * sizeof(T);
  const std::string_view bytes(reinterpret_cast<const char*>(slab.data()), size);
  ranks.check_same(text("train: the weights ", when), Hash().add(bytes).value());
}

/// Throws ConfigError when the ranks are not about to do the same run.
template <Scalar T>
void check_same_run(const Ranks& ranks, const typename Checkpoint<T>::Facts& facts,
                    const TrainOptions& o, Index steps, const Parameters<T>& parameters) {
  if (ranks.size() == 1) return;
  std::string told;
  const auto add = [&told](const auto&... settings) { ((told += text(settings, ' ')), ...); };
  for (const auto& [key, value] : facts) add(key, value);
  std::visit([&](const auto& s) { add(s.lr, s.weight_decay); }, o.optimizer);
  for (const ParameterGroup& g : o.groups) add(g.names, g.lr_factor, g.weight_decay_factor);
  for (const Index step : {Index{0}, steps / 2, steps - 1}) add(o.schedule(step));
  add(o.directory.string(), steps, o.evaluate_every, o.checkpoint_every, o.resume, o.max_grad_norm);
  if (o.validation != nullptr) add(fingerprint(*o.validation));
  ranks.check_same("train: the options or the data", Hash().add(told).value());
  check_same_weights(ranks, parameters, "before training");
}

}  // namespace hooked::detail
