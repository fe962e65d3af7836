// Activation patching: what changes when one activation of a clean run is put into a corrupted one
// (Meng et al., "Locating and editing factual associations in GPT", 2022).
#pragma once

#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/interp/sweep.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/network.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

namespace detail {

/// The stream [batch, pos, d_model] as distinct rows: those of `shared` [row, d_model], and `own`
/// [row, d_model] after them. `row` says which stands where.
template <Scalar T>
Variable<T> stream_of_rows(Tape<T>& tape, View<const T> shared, View<const T> own, Index batch,
                           Index positions, const Token* row) {
  const Index shared_count = shared.size(0), count = shared_count + own.size(0);
  const View<T> rows = tape.numbers({count, own.size(1)});
  copy(shared, rows.slice(0, 0, shared_count));
  copy(own, rows.slice(0, shared_count, count));
  return tape.make(rows, tape.arena().template make<RowMap>(RowMap{batch, positions, row}));
}

/// The patched runs of one layer at positions [first, last), one sequence of a batch for each.
/// `clean` and `corrupted` are the streams [pos, d_model] before each block from `layer` on. Where
/// the mask is causal, what stands before `first` is the corrupted run's, and is not computed
/// again. Gives logits [last - first, wanted, d_vocab_out], `wanted` being the pass's positions or
/// all from `start` on, where `start` is the first position that was computed.
template <Scalar T>
Variable<T> run_patched(const TransformerNetwork<T>& network, Pass<T>& pass, Index layer,
                        Index first, Index last, const std::vector<View<const T>>& corrupted,
                        View<const T> clean, std::span<const Token> wanted) {
  const TransformerConfig& c = network.config();
  Tape<T>& tape = pass.tape();
  const Index batch = last - first, length = clean.size(0);
  const Index start = c.attention_dir == AttentionDirection::causal ? first : 0;
  const Index computed = length - start;
  const auto numbers = [&](Index count) {
    return tape.arena().template allocate<Token>(static_cast<std::size_t>(count));
  };
  Token* patched = numbers(batch * length);  // at first: the corrupted rows, and one clean each
  Token* later = numbers(batch * length);    // then: corrupted ones before `start`, own ones after
  Token* from_start = numbers(computed);
  for (Index b = 0; b < batch; ++b) {
    for (Index p = 0; p < length; ++p) {
      patched[b * length + p] = static_cast<Token>(p == first + b ? length + b : p);
      later[b * length + p] =
          static_cast<Token>(p < start ? p : start + b * computed + (p - start));
    }
  }
  for (Index p = start; p < length; ++p) from_start[p - start] = static_cast<Token>(p);

  Variable<T> resid =
      stream_of_rows(tape, corrupted[0], clean.slice(0, first, last), batch, length, patched);
  for (Index l = layer; l < c.n_layers; ++l) {
    const bool is_last = l + 1 == c.n_layers;
    const auto queries =
        is_last && !wanted.empty()
            ? wanted
            : std::span<const Token>(from_start, static_cast<std::size_t>(computed));
    Stream<T> stream = network.with_positions(pass, resid);
    stream.wanted = queries;
    resid = network.block(l)(pass, stream).resid;
    if (is_last) break;
    const auto next = static_cast<std::size_t>(l + 1 - layer);
    resid = stream_of_rows(tape, corrupted[next].slice(0, 0, start), table_of(resid).value(), batch,
                           length, later);
  }
  return dense(network.logits(pass, resid));
}

}  // namespace detail

/// For every layer and position, puts the residual stream before that block (`resid_pre`) of the
/// clean run into the corrupted run there: [layer, pos], what `metric` says of the patched run's
/// logits [1, pos, d_vocab_out] (at `options.positions` alone, if given, in that order). Both
/// sequences are [pos] or [1, pos]. The runs start at the patched layer, from streams cached once.
/// Throws ShapeError when the sequences differ in length, Error when the model has hooks.
template <Scalar T>
Tensor<T> patch_resid_pre(const Transformer<T>& model, View<const Token> clean,
                          View<const Token> corrupted,
                          const std::type_identity_t<Metric<T>>& metric,
                          const SweepOptions& options = {}) {
  clean = detail::one_sequence("patch_resid_pre", clean);
  corrupted = detail::one_sequence("patch_resid_pre", corrupted);
  if (clean.shape() != corrupted.shape()) {
    fail<ShapeError>("patch_resid_pre: clean is ", clean.shape(), ", corrupted is ",
                     corrupted.shape(), ": both must be of the same length");
  }
  detail::check_no_hooks("patch_resid_pre", model);
  const TransformerConfig& c = model.config();
  const Index layers = c.n_layers, length = clean.size(1);
  check_positions("patch_resid_pre: positions", options.positions, length);
  if (layers == 0) return Tensor<T>({0, length});

  const std::vector<SiteSelector> streams{"blocks.*.hook_resid_pre"};
  const auto clean_cache = model.run_with_cache(clean, {.names = streams, .logits = false}).cache;
  const CachedRun<T> corrupted_run = model.run_with_cache(corrupted, {.names = streams});
  const auto stream = [](const ActivationCache<T>& cache, Index l) {
    return cache.at("resid_pre", static_cast<int>(l)).select(0, 0);
  };
  std::vector<Token> read = options.positions;
  if (read.empty()) {
    read.resize(static_cast<std::size_t>(length));
    std::iota(read.begin(), read.end(), Token{0});
  }
  const auto read_count = static_cast<Index>(read.size());

  const auto run = [&](Pass<T>& pass, Index first_run, Index last_run) -> View<const T> {
    const Index layer = first_run / length, first = first_run % length;
    const Index last = first + (last_run - first_run);
    const Index start = c.attention_dir == AttentionDirection::causal ? first : 0;
    std::vector<View<const T>> corrupted_streams;
    for (Index l = layer; l < layers; ++l) {
      corrupted_streams.push_back(stream(corrupted_run.cache, l));
    }
    std::vector<Token> wanted;  // of those that are read, the positions that the patch can reach
    for (const Token p : read) {
      if (p >= start) wanted.push_back(p);
    }
    pass.begin({});
    const View<T> logits = pass.tape().numbers({last - first, read_count, c.d_vocab_out});
    const Index before = read_count - static_cast<Index>(wanted.size());
    for (Index b = 0; b < last - first; ++b) {
      for (Index r = 0; r < before; ++r) {
        const Token p = read[static_cast<std::size_t>(r)];
        copy(corrupted_run.logits.select(0, 0).select(0, p), logits.select(0, b).select(0, r));
      }
    }
    if (!wanted.empty()) {
      const auto y = detail::run_patched(model.network(), pass, layer, first, last,
                                         corrupted_streams, stream(clean_cache, layer), wanted);
      copy(y.value(), logits.slice(1, before, read_count));
    }
    return logits;
  };
  return detail::sweep(model, layers * length, length, options.threads, run, metric)
      .reshape({layers, length});
}

#ifdef HOOKED_COMPILED
extern template Tensor<float> patch_resid_pre(const Transformer<float>&, View<const Token>,
                                              View<const Token>, const Metric<float>&,
                                              const SweepOptions&);
extern template Tensor<double> patch_resid_pre(const Transformer<double>&, View<const Token>,
                                               View<const Token>, const Metric<double>&,
                                               const SweepOptions&);
#endif

}  // namespace hooked
