// Gradients against central differences, (f(x + h) - f(x - h)) / 2h, in double.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/testing/bits.hpp"

namespace hooked::testing {

/// What a check found. `max_error` is the largest difference between an element of a gradient and
/// central differences, relative to the largest element of that gradient; `where` says which
/// element.
struct GradReport {
  double max_error = 0.0;
  std::string where = "nowhere";
  std::vector<std::string> failures;  ///< in words

  /// Whether nothing failed.
  bool ok() const { return failures.empty(); }
  /// One line for each failure, or one that says how good the gradients are.
  std::string summary() const {
    std::string lines = text("largest relative error ", max_error, " at ", where);
    for (const std::string& failure : failures) lines += "\n" + failure;
    return lines;
  }
  /// Throws NumericError with the summary unless everything passed.
  void check() const {
    if (!ok()) fail<NumericError>(summary());
  }
};

/// How closely, and how, gradients are compared with differences.
struct GradOptions {
  /// Largest relative error against central differences that passes.
  double tolerance = 1e-6;
  /// Up to this many elements an input is checked one by one, above in random directions.
  Index one_by_one = 160;
  int directions = 2;  ///< random ones, for large inputs
  /// How far float may be from double, relative to the largest element.
  double float_tolerance = 1e-4;
  /// Whether ops may call the heap.
  bool heap_calls = false;
  /// Give up at the first failure.
  bool stop_at_first = false;
};

/// Any function of tensors, written whole into `y`, whose shape it must have.
using TensorFunction = std::function<void(const std::vector<Tensor<double>>& x, View<double> y)>;

/// Compares `gradients` (J^T dy, one for each input) with central differences of <dy, f(x)>.
/// `label` names the case in the report.
class CentralDifferences {
 public:
  /// `dy` and `report` must outlive this object.
  CentralDifferences(TensorFunction f, std::vector<Tensor<double>> x, View<const double> dy,
                     const GradOptions& options, GradReport& report)
      : f_(std::move(f)),
        x_(std::move(x)),
        dy_(dy),
        low_(dy.shape()),
        high_(dy.shape()),
        options_(options),
        report_(report) {}

  /// Compares one gradient for each input; what differs goes into the report.
  void compare(const std::vector<Tensor<double>>& gradients, const std::string& label) {
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const std::string name = text(label, ", input ", i, " ", x_[i].shape());
      if (x_[i].numel() <= options_.one_by_one) {
        compare_elements(i, gradients[i], name);
      } else {
        compare_directions(i, gradients[i], name);
      }
      if (options_.stop_at_first && !report_.ok()) return;
    }
  }

 private:
  // A slope and how far rounding alone may have moved it.
  struct Slope {
    double value, noise;
  };

  // Steps relative to the size of the input. Truncation grows with h^2 and rounding with 1/h, and a
  // kink of f within reach of h spoils a step: a gradient is wrong when it fits none of them.
  static constexpr std::array kSteps = {1.0, 1.0 / 16, 1.0 / 256, 16.0};

  void compare_elements(std::size_t i, const Tensor<double>& gradient, const std::string& name) {
    const Tensor<double> x = x_[i];
    const double size = largest(gradient);
    for (Index k = 0; k < x.numel(); ++k) {
      const auto move = [&](double h) { x_[i].data()[k] = x.data()[k] + h; };
      judge(gradient.data()[k], size, base_step(x), move,
            text(name, " at ", position_text(k, x.shape())));
      move(0.0);
    }
  }

  // <dy, J v> = <J^T dy, v> for random v.
  void compare_directions(std::size_t i, const Tensor<double>& gradient, const std::string& name) {
    const Tensor<double> x = x_[i];
    Random random(Seed{1}, name);
    for (int direction = 0; direction < options_.directions; ++direction) {
      Tensor<double> v(x.shape());
      double along = 0.0, squares = 0.0;
      for (Index k = 0; k < v.numel(); ++k) {
        v.data()[k] = random.normal();
        const double part = v.data()[k] * gradient.data()[k];
        along += part;
        squares += part * part;
      }
      const auto move = [&](double h) { x_[i].array() = x.array() + h * v.array(); };
      judge(along, std::sqrt(squares), base_step(x), move,
            text(name, " in random direction ", direction));
    }
    x_[i] = x;
  }

  template <class Move>
  void judge(double gradient, double size, double base, const Move& move,
             const std::string& where) {
    double error = std::numeric_limits<double>::infinity();
    double nearest = std::numeric_limits<double>::quiet_NaN();
    for (const double step : kSteps) {
      const Slope slope = measure(step * base, move);
      const double off = std::abs(gradient - slope.value);
      if (!std::isfinite(off)) continue;
      // What rounding can explain is within the tolerance.
      const double scale =
          std::max({size, std::abs(slope.value), slope.noise / options_.tolerance, 1e-300});
      if (off / scale < error) {
        error = off / scale;
        nearest = slope.value;
      }
      if (error <= options_.tolerance) break;
    }
    if (error > report_.max_error) {
      report_.max_error = error;
      report_.where = where;
    }
    if (!(error <= options_.tolerance)) {
      report_.failures.push_back(text(where, ": the gradient is ", gradient,
                                      ", central differences say ", nearest, " (relative error ",
                                      error, ", allowed ", options_.tolerance, ")"));
    }
  }

  template <class Move>
  Slope measure(double h, const Move& move) {
    move(-h);
    f_(x_, low_);
    move(h);
    f_(x_, high_);
    double change = 0.0, magnitude = 0.0;
    for_each_element(dy_, [&](Index k, const double& weight) {
      const double a = low_.data()[k], b = high_.data()[k];
      if (a == b) return;  // also where both are infinite
      change += weight * (b - a);
      magnitude += std::abs(weight) * (std::abs(a) + std::abs(b));
    });
    constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
    return {change / (2 * h), 8 * kEpsilon * magnitude / (2 * h)};
  }

  static double largest(const Tensor<double>& x) {
    double most = 0.0;
    for (Index k = 0; k < x.numel(); ++k) most = std::max(most, std::abs(x.data()[k]));
    return most;
  }
  // Cube root of epsilon, for inputs of size 1 and above: where truncation and rounding meet.
  static double base_step(const Tensor<double>& x) {
    return 6e-6 * std::clamp(largest(x), 1e-3, 1.0);
  }

  TensorFunction f_;
  std::vector<Tensor<double>> x_;
  View<const double> dy_;
  Tensor<double> low_, high_;
  GradOptions options_;
  GradReport& report_;
};

}  // namespace hooked::testing
