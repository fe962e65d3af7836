// Objectives: what a training run makes small. A sum over the examples of a batch, and what divides
// it.
//
// An objective is a callable, objective(pass, batch) or objective(model, pass, batch), that gives a
// scalar: a sum over the examples of the batch that it is handed, which may be a part of the step's
// batch only. The loss is the sum over all parts, divided by the number of examples, or by what
// objective.divisor(batch) says of the whole batch:
//
//   const auto objective = [&](hooked::Pass<float>& pass, const hooked::Tensor<float>& x) {
//     return hooked::sum(hooked::record<hooked::SquaredError>({}, sae.forward(pass, x), ...));
//   };
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/cross_entropy.hpp"
#include "hooked/ops/multiply.hpp"
#include "hooked/ops/squared_error.hpp"
#include "hooked/ops/sum.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/dataset.hpp"

namespace hooked {

/// A callable with a divisor of its own: `Objective{sum, divisor}`.
template <class Sum, class Divisor>
struct Objective {
  Sum sum;          ///< (pass, batch) -> a scalar Variable
  Divisor divisor;  ///< (batch) -> a number

  /// The sum over the examples of a batch: a scalar.
  template <Scalar T, Batch B>
  Variable<T> operator()(Pass<T>& pass, const B& batch) const {
    return sum(pass, batch);
  }
};
template <class Sum, class Divisor>
Objective(Sum, Divisor) -> Objective<Sum, Divisor>;

/// The objective of token models: cross-entropy in nats of the labels that count, each as much as
/// its weight or its example's, divided by the sum of those weights (their number, where there are
/// none). Of any LabelledBatch.
struct CrossEntropyLoss {
  double label_smoothing = 0.0;  // see ops/cross_entropy.hpp; in [0, 1)

  /// The weighted sum of the losses of a batch: a scalar.
  template <class Model, Scalar T, LabelledBatch B>
  Variable<T> operator()(const Model& model, Pass<T>& pass, const B& batch) const {
    return record<Sum>({}, losses(model.forward(pass, batch.input()), batch));
  }

  /// The weights of all labels that count, added up.
  template <LabelledBatch B>
  double divisor(const B& batch) const {
    double total = 0.0;
    for_each_element(batch.labels.view(), [&](Index i, const Token& label) {
      if (label != CrossEntropy::kIgnored) total += weight(batch, i);
    });
    return total;
  }

  /// The loss of every label [examples, positions], times its weight; 0 where it does not count.
  template <Scalar T, LabelledBatch B>
  Variable<T> losses(Variable<T> logits, const B& batch) const {
    const Shape& labels = batch.labels.shape();
    if (logits.shape().rank() != 3 || logits.shape().axes(0, 2) != labels) {
      fail<ShapeError>("cross-entropy: logits are ", logits.shape(), ", labels are ", labels,
                       ": one label for each row is needed");
    }
    const auto each = record<CrossEntropy>({batch.labels.data(), label_smoothing}, logits);
    if (batch.weights.numel() == 0) return each;
    const View<T> weights = each.tape().numbers(labels);
    for (Index i = 0; i < labels.numel(); ++i) {
      weights.data()[i] = static_cast<T>(weight(batch, i));
    }
    return record<Multiply>({}, each, each.tape().constant(weights));
  }

  /// For evaluations: adds to sums [3, positions] the losses, how much of the labels the likeliest
  /// token is, and how much of them counts.
  template <class Model, Scalar T, LabelledBatch B>
  void measure(const Model& model, Pass<T>& pass, const B& batch, double* sums) const {
    const Variable<T> logits = model.forward(pass, batch.input());
    const Variable<T> losses = this->losses(logits, batch);
    const auto rows = logits.value().matrix();
    const Index width = batch.labels.size(1);
    for (Index r = 0; r < rows.rows(); ++r) {
      const Token label = batch.labels.data()[r];
      if (label == CrossEntropy::kIgnored) continue;
      Index likeliest = 0;
      rows.row(r).maxCoeff(&likeliest);
      double* const at = sums + r % width;
      at[0] += static_cast<double>(losses.value().data()[r]);
      at[width] += likeliest == label ? weight(batch, r) : 0.0;
      at[2 * width] += weight(batch, r);
    }
  }

  /// Throws ShapeError or ConfigError, which `what` begins, when a data set does not fit itself or
  /// the model.
  template <class Model, LabelledBatch B>
  void check(const Model& model, const B& data, const std::string& what) const {
    if (!(label_smoothing >= 0 && label_smoothing < 1)) {
      fail<ConfigError>("label_smoothing is ", label_smoothing, ", it must be in [0, 1)");
    }
    data.check(model, what);
  }

 private:
  template <LabelledBatch B>
  static double weight(const B& batch, Index label) {
    if (batch.weights.numel() == 0) return 1.0;
    const bool one_each = batch.weights.rank() == 2;
    return static_cast<double>(
        batch.weights.data()[one_each ? label : label / batch.labels.size(1)]);
  }
};

/// Mean squared error between what a model makes of x and x itself, per example: the objective of
/// an autoencoder on rows of activations [example, width].
struct Reconstruction {
  /// The sum over rows of x [example, width] of the squared error.
  template <class Model, Scalar T>
  Variable<T> operator()(const Model& model, Pass<T>& pass, const Tensor<T>& x) const {
    return record<Sum>({},
                       record<SquaredError>({}, model.forward(pass, x), pass.tape().constant(x)));
  }
};

}  // namespace hooked
