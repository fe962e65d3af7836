// Sweeps: many runs that differ in one place each, side by side along the batch.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/cuts.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// How the runs of a sweep go.
struct SweepOptions {
  /// The positions whose logits the metric reads, rising; empty: all.
  std::vector<Token> positions = {};
  int threads = 0;  // as in RunOptions
};

/// What a metric says of logits that lie outside any run, computed on a tape that is reset for it.
template <Scalar T>
T value_of(const Metric<T>& metric, Tape<T>& tape, View<const T> logits) {
  tape.reset();
  const Variable<T> y = metric(tape.constant(logits));
  if (!y || y.value().numel() != 1) {
    fail<ShapeError>("a metric must give a scalar, this one gave ",
                     y ? text(y.shape()) : "an empty Variable", " for logits ", logits.shape());
  }
  return *y.value().data();
}
/// The same on a tape of its own: `value_of(metric, model(tokens))`.
template <class F, TensorLike X, class T = typename X::value_type>
T value_of(const F& metric, const X& logits) {
  Tape<T> tape;
  return value_of(Metric<T>(metric), tape, View<const T>(logits.view()));
}

namespace detail {

/// Runs number 0..count-1 in batches, and what `metric` says of each: [count]. `run(pass, first,
/// last)` gives the logits [last - first, ...] of some of them, on a pass of its own; a batch never
/// goes past a multiple of `row`. Batches go to several threads, the metric is called by the
/// caller's alone, in order, on logits [1, ...]. Of logits, no more is kept than a few batches.
template <Scalar T, class Run>
Tensor<T> sweep(const Transformer<T>& model, Index count, Index row, int threads, Run run,
                const Metric<T>& metric) {
  // A batch of this many runs brings the products to speed.
  constexpr Index kBatch = 8, kAtOnce = 32;
  struct Batch {
    Index first, last;
  };
  std::vector<Batch> batches;
  for (Index begin = 0; begin < count; begin += row) {
    const Index end = std::min(begin + row, count);
    const Cuts cuts = Cuts::of(end - begin, kBatch);
    for (Index i = 0; i < cuts.parts(); ++i) {
      batches.push_back({begin + cuts.begin(i), begin + cuts.end(i)});
    }
  }
  Tensor<T> result({count});
  Tape<T> tape;
  tape.recording = false;
  std::vector<Tensor<T>> logits(static_cast<std::size_t>(kAtOnce));
  const Cuts rounds = Cuts::of(static_cast<Index>(batches.size()), kAtOnce);
  for (Index r = 0; r < rounds.parts(); ++r) {
    const auto batch = [&](Index i) {
      return batches[static_cast<std::size_t>(rounds.begin(r) + i)];
    };
    model.workspace().run(model.parameters(), rounds.size(r), threads, [&](Pass<T>& pass, Index i) {
      const auto [first, last] = batch(i);
      const View<const T> y = run(pass, first, last);
      Tensor<T>& kept = logits[static_cast<std::size_t>(i)];
      kept.resize(y.shape());
      copy(y, kept.view());
    });
    for (Index i = 0; i < rounds.size(r); ++i) {
      const auto [first, last] = batch(i);
      for (Index n = first; n < last; ++n) {
        const View<const T> of_run =
            std::as_const(logits[static_cast<std::size_t>(i)]).slice(0, n - first, n - first + 1);
        result(n) = value_of(metric, tape, of_run);
      }
    }
  }
  return result;
}

/// One sequence, [pos] or [1, pos], as [1, pos].
inline View<const Token> one_sequence(const char* what, View<const Token> tokens) {
  if (tokens.rank() == 1) tokens = tokens.view_as({1, tokens.size(0)});
  if (tokens.rank() != 2 || tokens.size(0) != 1) {
    fail<ShapeError>(what, ": the tokens are ", tokens.shape(), ", they must be one sequence");
  }
  return tokens;
}

template <Scalar T>
void check_no_hooks(const char* what, const Transformer<T>& model) {
  if (model.n_hooks() == 0) return;
  fail<Error>(what, ": the model has hooks, which its partial runs would not call");
}

}  // namespace detail

/// Where a run of a sweep differs: at a block's site, at one position and one head, or at all.
struct Place {
  /// Every position, or every head.
  static constexpr Index kAll = -1;

  int layer = 0;          ///< the block
  Index position = kAll;  ///< kAll: every one
  Index head = kAll;      ///< kAll: every one
};

/// For every place, runs `tokens` ([pos] or [1, pos]) with the activation of `site` there taken
/// from `source`, and gives what `metric` says of the logits [1, pos, d_vocab_out] (at
/// `options.positions` alone, if given): [places]. `site` is a block's ("z", "mlp_out",
/// "attn.hook_pattern"), `source` a cache of another sequence of the same length. Each run starts
/// at its block, from the stream cached once. Places of one block are fastest side by side.
/// Throws NameError, ShapeError for a site or place that does not exist, Error when the model has
/// hooks.
template <Scalar T>
Tensor<T> sweep(const Transformer<T>& model, View<const Token> tokens, const std::string& site,
                const std::vector<Place>& places, const ActivationCache<T>& source,
                const std::type_identity_t<Metric<T>>& metric, const SweepOptions& options = {}) {
  tokens = detail::one_sequence("sweep", tokens);
  detail::check_no_hooks("sweep", model);
  check_positions("sweep: positions", options.positions, tokens.size(1));
  const Index layers = model.config().n_layers;
  const auto full_name = [&](int layer) {
    const bool is_full = site.find('.') != std::string::npos || site.starts_with("hook_");
    return is_full ? text("blocks.", layer, ".", site) : act_name(site, layer);
  };
  // Runs of one block share a batch.
  std::vector<Index> order(places.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return places[static_cast<std::size_t>(a)].layer < places[static_cast<std::size_t>(b)].layer;
  });
  Tensor<T> result({static_cast<Index>(places.size())});
  const auto streams =
      model.run_with_cache(tokens, {.names = {"blocks.*.hook_resid_pre"}, .logits = false}).cache;

  for (std::size_t begin = 0; begin < order.size();) {
    const auto place_of = [&](std::size_t i) { return places[static_cast<std::size_t>(order[i])]; };
    const int layer = place_of(begin).layer;
    if (layer < 0 || layer >= layers) {
      fail<ShapeError>("sweep: there is no block ", layer, ", the model has ", layers);
    }
    std::size_t end = begin;
    while (end < order.size() && place_of(end).layer == layer) ++end;

    const std::string name = full_name(layer);
    const Site& here = model.sites()[model.sites().find(name)];
    const Tensor<T>& value = source[name];
    const int position_axis = here.position_axis(), head_axis = here.axis_index(Axis::head);
    // x or `value`, without the batch axis, at a place; the later axis goes first.
    const auto at = [&](auto view, const Place& place) {
      std::pair<int, Index> picks[] = {{position_axis, place.position}, {head_axis, place.head}};
      std::sort(std::begin(picks), std::end(picks), std::greater<>());
      for (const auto& [axis, index] : picks) {
        if (index == Place::kAll) continue;
        if (axis < 0) {
          fail<ShapeError>("sweep: ", name, " has no such axis: its axes are ", here.axes_text());
        }
        view.rebind(view.select(axis - 1, index));
      }
      return view;
    };
    const View<const T> stream = streams.at("resid_pre", layer).select(0, 0);
    const auto run = [&](Pass<T>& pass, Index first, Index last) -> View<const T> {
      const auto put = [&](View<T> x, const HookPoint&) {
        for (Index b = 0; b < last - first; ++b) {
          const Place place = place_of(begin + static_cast<std::size_t>(first + b));
          copy(at(value.select(0, 0), place), at(x.select(0, b), place));
        }
      };
      HookPlan<T> plan = model.plan({Hook<T>(name, put)});
      pass.begin({.positions = options.positions}, &plan);
      const auto within = pass.within(model.parameters());
      const Index batch = last - first, length = tokens.size(1);
      auto* row =
          pass.tape().arena().template allocate<Token>(static_cast<std::size_t>(batch * length));
      for (Index i = 0; i < batch * length; ++i) row[i] = static_cast<Token>(i % length);
      const auto shared = pass.tape().constant(stream);
      shared.node().rows = pass.tape().arena().template make<RowMap>(RowMap{batch, length, row});
      return model.network().from_layer(layer, pass, Stream<T>(shared), {}).value();
    };
    const auto count = static_cast<Index>(end - begin);
    const Tensor<T> found = detail::sweep(model, count, count, options.threads, run, metric);
    for (Index i = 0; i < count; ++i) {
      result(order[begin + static_cast<std::size_t>(i)]) = found(i);
    }
    begin = end;
  }
  return result;
}

#ifdef HOOKED_COMPILED
extern template Tensor<float> sweep(const Transformer<float>&, View<const Token>,
                                    const std::string&, const std::vector<Place>&,
                                    const ActivationCache<float>&, const Metric<float>&,
                                    const SweepOptions&);
extern template Tensor<double> sweep(const Transformer<double>&, View<const Token>,
                                     const std::string&, const std::vector<Place>&,
                                     const ActivationCache<double>&, const Metric<double>&,
                                     const SweepOptions&);
#endif

}  // namespace hooked
