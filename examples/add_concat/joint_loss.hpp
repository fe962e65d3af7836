// What the joint model learns by: for each target token that is no padding, with h the decoder's
// output there, f its features and h' their reconstruction of it,
//
//   cross-entropy + alpha |h - h'|^2 / d_model + lambda sum_j f_j
//
// and the mean of that over all these tokens. Gradients flow into h, so that the body learns to be
// what few features can say.
#pragma once

#include <string>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/train/objective.hpp"
#include "hooked/train/sequence_pairs.hpp"
#include "hooked/train/sparse_autoencoder_loss.hpp"
#include "network.hpp"

namespace add_concat {

/// The head of this file has the formula. With alpha and lambda 0 it is cross-entropy alone, else
/// TrainOptions::activations must name kSite. Evaluations are of the cross-entropy.
struct JointLoss {
  double alpha = 1.0, lambda = 0.0;

  /// The sum over the tokens of a batch: a scalar.
  template <class Model, hooked::Scalar T>
  hooked::Variable<T> operator()(const Model& model, hooked::Pass<T>& pass,
                                 const hooked::SequencePairs& batch) const {
    const auto loss = hooked::CrossEntropyLoss{}(model, pass, batch);
    if (!reads_features()) return loss;
    const auto h = real_rows(pass.activation(kSite), batch);
    return loss + model.run_within(pass, [&] {
      return hooked::sum(features_loss().losses(model.network().sae, pass, h));
    });
  }
  /// How many tokens there are.
  double divisor(const hooked::SequencePairs& batch) const {
    return hooked::CrossEntropyLoss{}.divisor(batch);
  }
  /// For evaluations: cross-entropy and accuracy by tokens.
  template <class Model, hooked::Scalar T>
  void measure(const Model& model, hooked::Pass<T>& pass, const hooked::SequencePairs& batch,
               double* sums) const {
    hooked::CrossEntropyLoss{}.measure(model, pass, batch, sums);
  }
  /// Throws ShapeError, which `what` begins, for pairs that do not fit themselves or the model.
  template <class Model>
  void check(const Model& model, const hooked::SequencePairs& pairs,
             const std::string& what) const {
    pairs.check(model, what);
  }

  /// Whether the autoencoder has any part in it.
  bool reads_features() const { return alpha != 0 || lambda != 0; }

 private:
  hooked::SparseAutoencoderLoss features_loss() const { return {.mse = alpha, .sparsity = lambda}; }

  // h [example, target pos, d_model] at the tokens that have a label: [token, d_model].
  template <hooked::Scalar T>
  static hooked::Variable<T> real_rows(hooked::Variable<T> h, const hooked::SequencePairs& batch) {
    const hooked::Tensor<hooked::Token>& labels = batch.labels;
    auto* const index =
        h.tape().arena().template allocate<hooked::Token>(static_cast<std::size_t>(labels.numel()));
    hooked::Index count = 0;
    for (hooked::Index row = 0; row < labels.numel(); ++row) {
      if (labels.data()[row] == hooked::CrossEntropy::kIgnored) continue;
      index[count++] = static_cast<hooked::Token>(row);
    }
    const auto rows = h.tape().reshape(hooked::dense(h), {labels.numel(), h.shape()[-1]});
    return hooked::record<hooked::GatherRows>({index, {count}}, rows);
  }
};

}  // namespace add_concat
