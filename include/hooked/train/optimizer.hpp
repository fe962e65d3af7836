// AdamW, Adam and SGD on a slab of parameters: one loop over plain arrays.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"

namespace hooked {

/// Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), as in PyTorch:
///   p <- p (1 - lr wd);  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
///   p <- p - lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)
struct AdamW {
  double lr = 1e-3;
  double weight_decay = 0.01;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
};

/// Kingma and Ba, "Adam" (2015). Weight decay is L2: g <- g + wd p before anything else.
struct Adam {
  double lr = 1e-3;
  double weight_decay = 0.0;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
};

/// g <- g + wd p;  m <- momentum m + g (m = g in the first step);  p <- p - lr m
struct Sgd {
  double lr = 1e-2;
  double momentum = 0.0;  ///< how much of m a step keeps
  double weight_decay = 0.0;
};

/// One of the three optimisers.
using OptimizerSettings = std::variant<AdamW, Adam, Sgd>;

/// Other settings for the parameters whose name fits a glob; the first group that fits counts.
struct ParameterGroup {
  std::string names;                 ///< a glob
  double lr_factor = 1.0;            ///< times the optimiser's lr
  double weight_decay_factor = 1.0;  ///< times its weight_decay
};

/// An optimiser bound to a layout: its moments and its step count. A value that can be saved.
template <Scalar T>
class Optimizer {
 public:
  /// Throws NameError for a group that fits no parameter, ConfigError for impossible settings.
  Optimizer(OptimizerSettings settings, const Parameters<T>& parameters,
            const std::vector<ParameterGroup>& groups = {})
      : settings_(settings),
        layout_(parameters.layout().fingerprint()),
        m_(Shape{parameters.layout().slab_size()}),
        v_(Shape{std::holds_alternative<Sgd>(settings) ? 0 : parameters.layout().slab_size()}) {
    std::visit([](const auto& s) { check(s); }, settings);
    for (const ParameterGroup& group : groups) {
      check_number("a group's lr_factor", group.lr_factor);
      check_number("a group's weight_decay_factor", group.weight_decay_factor);
    }
    std::vector<bool> used(groups.size(), false);
    const ParameterLayout& layout = parameters.layout();
    for (std::size_t i = 0; i < layout.size(); ++i) {
      const auto id = static_cast<ParameterId>(i);
      Range range{layout[id].offset, layout[id].shape.numel(), 1.0, 1.0};
      for (std::size_t g = 0; g < groups.size(); ++g) {
        if (!matches_glob(layout[id].name, groups[g].names)) continue;
        range.lr_factor = groups[g].lr_factor;
        range.weight_decay_factor = groups[g].weight_decay_factor;
        used[g] = true;
        break;
      }
      if (!parameters.is_frozen(id)) ranges_.push_back(range);
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (used[g]) continue;
      fail<NameError>(
          "no parameter is left for the group \"", groups[g].names,
          "\"; the parameters are: ", nearest_names(groups[g].names, layout.names(), 5));
    }
  }

  /// The same for a model's parameters.
  template <HasParameters<T> Model>
  Optimizer(OptimizerSettings settings, const Model& model,
            const std::vector<ParameterGroup>& groups = {})
      : Optimizer(std::move(settings), model.parameters(), groups) {}

  /// A step of a loop of one's own, along the gradients of the pass's last backward; `lr_factor`
  /// comes from a schedule. Throws Error when the pass has no gradients of this model.
  template <HasParameters<T> Model>
  void step(Model& model, const Pass<T>& pass, double lr_factor = 1.0) {
    Parameters<T>& parameters = model.parameters();
    step(parameters, pass.gradients(parameters), lr_factor, 0, parameters.layout().slab_size());
    finish_step();
  }

  /// One step on the elements [begin, end) of the slabs; `lr_factor` comes from the schedule.
  /// Elements are independent, so parts may be done in any order. `finish_step` ends a step. Throws
  /// ShapeError for parameters or gradients of another layout than it was made for.
  void step(Parameters<T>& parameters, View<const T> gradients, double lr_factor, Index begin,
            Index end) {
    if (parameters.layout().fingerprint() != layout_ || gradients.shape() != m_.shape()) {
      fail<ShapeError>("an optimizer for ", m_.shape(), " numbers cannot step ",
                       parameters.slab().shape(), " along gradients ", gradients.shape(),
                       ": it was made for a model of another layout");
    }
    for (const Range& range : ranges_) {
      const Index first = std::max(begin, range.offset);
      const Index count = std::min(end, range.offset + range.size) - first;
      if (count <= 0) continue;
      const Part part{
          Numbers(parameters.slab().data() + first, count),
          ConstNumbers(gradients.data() + first, count), Numbers(m_.data() + first, count),
          Numbers(v_.numel() == 0 ? nullptr : v_.data() + first, v_.numel() == 0 ? 0 : count)};
      std::visit([&](const auto& s) { update(s, part, lr_factor, range); }, settings_);
    }
  }
  /// Counts a step; once all elements are done.
  void finish_step() { ++steps_; }

  /// Steps taken so far.
  Index steps() const { return steps_; }
  /// As set, without the schedule's factor.
  double lr() const {
    return std::visit([](const auto& s) { return s.lr; }, settings_);
  }
  /// "AdamW", "Adam" or "Sgd".
  std::string_view name() const {
    constexpr std::string_view kNames[] = {"AdamW", "Adam", "Sgd"};
    return kNames[settings_.index()];
  }

  /// First and second moments, slabs of the parameters' layout (SGD: momentum, and none).
  Tensor<T>& m() { return m_; }
  /// Second moments, a slab of the parameters' layout; empty for SGD.
  Tensor<T>& v() { return v_; }
  const Tensor<T>& m() const { return m_; }
  const Tensor<T>& v() const { return v_; }
  /// As if so many steps had been taken: a run that goes on.
  void set_steps(Index steps) { steps_ = steps; }

 private:
  using Numbers = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;
  using ConstNumbers = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;
  struct Range {
    Index offset, size;
    double lr_factor, weight_decay_factor;
  };
  struct Part {
    Numbers p;
    ConstNumbers g;
    Numbers m, v;
  };

  static void check_number(const char* name, double value) {
    if (!(value >= 0 && std::isfinite(value))) {
      fail<ConfigError>(name, " is ", value, ", it must be finite and cannot be negative");
    }
  }
  static void check(const auto& s) {
    check_number("lr", s.lr);
    check_number("weight_decay", s.weight_decay);
    if constexpr (requires { s.betas; }) {
      for (const double beta : s.betas) {
        if (!(beta >= 0 && beta < 1))
          fail<ConfigError>("a beta is ", beta, ", it must be in [0, 1)");
      }
      check_number("eps", s.eps);
    } else {
      check_number("momentum", s.momentum);
    }
  }

  void update(const AdamW& s, Part part, double lr_factor, const Range& range) const {
    const double lr = s.lr * lr_factor * range.lr_factor;
    part.p *= static_cast<T>(1.0 - lr * s.weight_decay * range.weight_decay_factor);
    adam(s, part, part.g, lr);
  }
  void update(const Adam& s, Part part, double lr_factor, const Range& range) const {
    const auto decay = static_cast<T>(s.weight_decay * range.weight_decay_factor);
    adam(s, part, part.g + decay * part.p, s.lr * lr_factor * range.lr_factor);
  }
  void update(const Sgd& s, Part part, double lr_factor, const Range& range) const {
    const auto decay = static_cast<T>(s.weight_decay * range.weight_decay_factor);
    const auto momentum = static_cast<T>(steps_ == 0 ? 0.0 : s.momentum);
    part.m = momentum * part.m + (part.g + decay * part.p);
    part.p -= static_cast<T>(s.lr * lr_factor * range.lr_factor) * part.m;
  }

  // `g` may be an expression that reads p; it is used up before p is written.
  template <class G>
  void adam(const auto& s, Part part, const G& g, double lr) const {
    const auto t = static_cast<double>(steps_ + 1);
    const auto b1 = static_cast<T>(s.betas[0]), b2 = static_cast<T>(s.betas[1]);
    const auto step = static_cast<T>(lr / (1.0 - std::pow(s.betas[0], t)));
    const auto root = static_cast<T>(1.0 / std::sqrt(1.0 - std::pow(s.betas[1], t)));
    part.m = b1 * part.m + (T(1) - b1) * g;
    part.v = b2 * part.v + (T(1) - b2) * g.square();
    part.p -= step * part.m / (part.v.sqrt() * root + static_cast<T>(s.eps));
  }

  OptimizerSettings settings_;
  std::uint64_t layout_;  // of what it steps
  std::vector<Range> ranges_;
  Tensor<T> m_, v_;
  Index steps_ = 0;
};

template <class Model>
Optimizer(OptimizerSettings, const Model&) -> Optimizer<ScalarOf<Model>>;
template <class Model>
Optimizer(OptimizerSettings, const Model&, std::vector<ParameterGroup>)
    -> Optimizer<ScalarOf<Model>>;

}  // namespace hooked
