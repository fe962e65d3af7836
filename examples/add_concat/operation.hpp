// Rivals of features: the model without what tells it the operation.
#pragma once

#include <cmath>
#include <vector>

#include "front.hpp"
#include "hooked/hooks/hook.hpp"

namespace add_concat {

/// The difference of the means of h of both tasks, over all places, 1 long: [d_model].
inline Eigen::RowVectorXf operation_direction(const PerTask<DecoderOutputs>& of) {
  const auto mean = [](const DecoderOutputs& o) {
    return Eigen::RowVectorXf(o.h().matrix().colwise().mean());
  };
  return (mean(of.add) - mean(of.concatenate)).normalized();
}

/// x without its part along a direction that is 1 long: x - (x d) d.
template <class Matrix>
void project_out(Matrix&& x, const Eigen::RowVectorXf& direction) {
  const Eigen::VectorXf along = x * direction.transpose();
  x -= along * direction;
}

/// The direction of the operation taken out of h. The direction is of `from`, what it does of `of`.
inline Removal without_direction(const PerTask<DecoderOutputs>& from,
                                 const PerTask<DecoderOutputs>& of, Task target) {
  const Eigen::RowVectorXf direction = operation_direction(from);
  return removal(of, target, [&](Task task) {
    Tensor<float> h(of[task].h());
    project_out(h.matrix(), direction);
    return of[task].answers(h).accuracy();
  });
}

/// The direction of W_E["+"] - W_E["C"] taken out of every embedding that the encoder reads.
inline hooked::Hook<float> without_embedded_operation(const EncoderDecoder<float>& body) {
  const auto W_E = body["encoder.embed.W_E"].matrix();
  const Eigen::RowVectorXf direction = (W_E.row(kAdd) - W_E.row(kConcatenate)).normalized();
  return {"encoder.hook_embed", [direction](View<float> x, const hooked::HookPoint&) {
            project_out(x.matrix(), direction);
          }};
}

/// The body in which the mean of both operations' embeddings stands in place of the task's: the
/// other task is read as before.
inline EncoderDecoder<float> without_embedding_of(const EncoderDecoder<float>& body, Task task) {
  EncoderDecoder<float> blind = body;
  auto W_E = blind["encoder.embed.W_E"].matrix();
  const Eigen::RowVectorXf mean = 0.5f * (W_E.row(kAdd) + W_E.row(kConcatenate));
  W_E.row(task == Task::add ? kAdd : kConcatenate) = mean;
  return blind;
}

/// No token of the decoder attends to the prompt's third, the operation: its scores are -infinity.
inline hooked::Hook<float> without_attention_to_operation() {
  return {"decoder.*.cross_attn.hook_attn_scores",
          [](View<float> scores, const hooked::HookPoint&) {  // [batch, head, query, key]
            constexpr Index kAt = 2;
            scores.select(3, kAt).fill(-std::numeric_limits<float>::infinity());
          }};
}

/// The accuracy that a body with hooks has in each task, by runs over the items of `of`.
inline PerTask<double> accuracies(const EncoderDecoder<float>& body,
                                  const PerTask<DecoderOutputs>& of,
                                  const std::vector<hooked::Hook<float>>& hooks = {}) {
  const auto one = [&](const DecoderOutputs& o) {
    return DecoderOutputs(body, o.items(), o.threads(), hooks).clean().accuracy();
  };
  return {one(of.add), one(of.concatenate)};
}

}  // namespace add_concat
