// What a run of a model may be told: how far it goes, what is hidden, what is kept.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "hooked/autograd/variable.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/hook.hpp"

namespace hooked {

/// How far and where a run goes. Layers as Python slices: negative numbers count from the end.
struct RunOptions {
  /// The run ends with the residual stream before this block (0: the embeddings) and returns it.
  std::optional<Index> stop_at_layer = {};
  /// [batch, pos], 0 for padding: hidden as a key, no position embedding, positions count from the
  /// first visible token (contract, 5.1). Empty: every token counts.
  Tensor<std::uint8_t> attention_mask = {};
  /// The positions whose logits are wanted, rising; empty: all. The result has these positions
  /// only.
  std::vector<Token> positions = {};
  /// Threads for a run that is worth several, over parts of the batch; 0: as many as there are
  /// processors. They change no bit. A run with hooks or gradients is the caller's alone.
  int threads = 0;
};

/// A differentiable scalar of what a run gives: `[](Variable<float> logits) { return
/// element(logits, {0, -1, 7}); }`. Patching and gradients at sites take the same.
template <Scalar T>
using Metric = std::function<Variable<T>(Variable<T>)>;

/// What run_with_cache keeps.
template <Scalar T>
struct CacheOptions {
  /// Full names, globs or predicates; empty: every site that fires.
  std::vector<SiteSelector> names = {};
  /// Hooks of this run; they act before the cache looks.
  std::vector<Hook<T>> hooks = {};
  /// A scalar of the logits. If given, its gradients at the kept sites are kept as "NAME_grad".
  Metric<T> gradient_of = {};
  /// false: the run ends after the block of the last site needed, and the logits stay empty.
  bool logits = true;
  RunOptions run = {};  ///< how far and where the run goes
};

/// What run_with_cache gives.
template <Scalar T>
struct CachedRun {
  Tensor<T> logits;          ///< the output; [0] if not wanted
  ActivationCache<T> cache;  ///< what was kept
};

}  // namespace hooked
