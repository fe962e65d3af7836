// Lane: one shard of a batch, forward and backward on one thread.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "hooked/nn/transformer.hpp"
#include "hooked/train/dataset.hpp"

namespace hooked {

/// A tape and gradients of its own. A shard whose activations would not stay in a cache is taken in
/// slices, one after the other in the same memory, which add up in the gradients.
template <Scalar T>
class Lane {
 public:
  /// `model` must outlive the lane; its weights may change between runs, its hooks may not.
  Lane(const Transformer<T>& model, std::vector<Token> positions)
      : model_(&model), plan_(model.plan()), pass_(model.parameters()) {
    options_.gradients = options_.recycling = true;
    options_.positions = std::move(positions);
  }

  /// Forward and backward over the examples `chosen`, at most `largest` in any run. The loss is
  /// their share of a mean over `counted` labels; afterwards `gradients()` has its gradient.
  double run(const Dataset& data, std::span<const Index> chosen, Index largest, Index counted) {
    const auto examples = static_cast<Index>(chosen.size());
    const Index slices = count_slices(largest, data.tokens.size(1));
    reserve(data, (largest + slices - 1) / slices);
    double loss = 0.0;
    bool adds = false;
    for (Index s = 0; s < slices; ++s) {
      const auto first = static_cast<std::size_t>(s * examples / slices);
      const auto last = static_cast<std::size_t>((s + 1) * examples / slices);
      if (first == last) continue;
      loss += run_slice(data, chosen.subspan(first, last - first), counted, adds);
      adds = true;
    }
    return loss;
  }

  /// Of the last run: a slab of the parameters' layout.
  const Tensor<T>& gradients() const { return pass_.gradients(); }

 private:
  // Slices of about 2^18 numbers (in float 1 MiB), or of four times as many as there are
  // parameters: each slice adds to every gradient, which must not cost more than it saves.
  Index count_slices(Index examples, Index length) const {
    if (model_->n_hooks() > 0) return 1;  // a hook is called once a batch
    constexpr Index kNumbers = Index{1} << 18;
    const Index slice = std::max(kNumbers, 4 * model_->n_params_total());
    return std::clamp<Index>(examples * numbers_per_example(length) / slice, 1, examples);
  }

  // About as many as a forward run keeps for backward.
  Index numbers_per_example(Index length) const {
    const TransformerConfig& c = model_->config();
    const auto read = static_cast<Index>(options_.positions.size());
    const Index wanted = read == 0 ? length : read;
    const Index block = 8 * c.d_model + 4 * c.n_heads * c.d_head + c.n_heads * length +
                        (c.has_mlp() ? 2 * c.d_mlp : 0);
    return block * (length * (c.n_layers - 1) + wanted) + 2 * c.d_vocab_out * wanted;
  }

  // Room for the largest slice, so that smaller ones take nothing from the heap.
  void reserve(const Dataset& data, Index examples) {
    if (tokens_.numel() > 0 && tokens_.size(0) >= examples) return;
    tokens_ = Tensor<Token>({examples, data.tokens.size(1)});
    labels_ = Tensor<Token>({examples, data.labels.size(1)});
  }

  double run_slice(const Dataset& data, std::span<const Index> chosen, Index counted, bool adds) {
    const auto examples = static_cast<Index>(chosen.size());
    for (Index i = 0; i < examples; ++i) {
      const Index from = chosen[static_cast<std::size_t>(i)];
      copy(data.tokens.select(0, from), tokens_.select(0, i));
      copy(data.labels.select(0, from), labels_.select(0, i));
    }
    pass_.begin(options_, &plan_, adds);
    const auto logits = model_->forward(pass_, tokens_.slice(0, 0, examples));
    const auto mean =
        cross_entropy(logits, View<const Token>(labels_.slice(0, 0, examples)), counted);
    const auto loss = static_cast<double>(mean.value().item());
    pass_.backward(mean);
    pass_.tape().reset();  // now, so that memory added here is in one piece for the next run
    return loss;
  }

  const Transformer<T>* model_;
  typename Pass<T>::Options options_;
  HookPlan<T> plan_;
  Pass<T> pass_;
  Tensor<Token> tokens_, labels_;
};

}  // namespace hooked
