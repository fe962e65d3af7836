// Activations of a whole data set at one position, run in chunks so that memory stays small.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

namespace detail {

/// Examples that are run at once, so that memory stays small.
constexpr Index kCollected = 512;

}  // namespace detail

/// The sites `names` at `position` for every example of tokens [example, pos]: logits
/// [example, d_vocab_out] and a cache without the axis of positions, so that
/// "blocks.0.mlp.hook_pre" is [example, d_mlp] and "blocks.0.attn.hook_pattern" (its query at
/// `position`) is [example, head, key]. `hooks` act as in run_with_cache, `threads` as in
/// RunOptions. Throws NameError for a site that does not exist, ShapeError for one that has no
/// positions.
template <Scalar T>
CachedRun<T> collect_at(const Transformer<T>& model, View<const Token> tokens, Token position,
                        const std::vector<std::string>& names,
                        const std::vector<Hook<T>>& hooks = {}, int threads = 0) {
  std::vector<Tensor<T>> kept(names.size());
  Tensor<T> logits({tokens.size(0), model.config().d_vocab_out});
  const Cuts chunks = Cuts::of(tokens.size(0), detail::kCollected);
  for (Index n = 0; n < chunks.parts(); ++n) {
    const Index first = chunks.begin(n), last = chunks.end(n);
    const View<const Token> chunk = tokens.slice(0, first, last);
    const RunOptions run{.positions = {position}, .threads = threads};
    if (names.empty()) {
      copy(model.run_with_hooks(chunk, hooks, run).select(1, 0), logits.slice(0, first, last));
      continue;
    }
    const auto [out, cache] = model.run_with_cache(
        chunk, {.names = {names.begin(), names.end()}, .hooks = hooks, .run = run});
    copy(out.select(1, 0), logits.slice(0, first, last));
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Site& site = model.sites()[model.sites().find(names[i])];
      const int axis = site.position_axis();
      if (axis < 0) {
        fail<ShapeError>("collect_at: ", site.name, " has no positions: ", site.axes_text());
      }
      const View<const T> here = cache[names[i]].select(axis, position);
      Shape whole = here.shape();
      whole[0] = tokens.size(0);
      if (first == 0) kept[i] = Tensor<T>(whole);
      copy(here, kept[i].slice(0, first, last));
    }
  }
  ActivationCache<T> cache;
  for (std::size_t i = 0; i < names.size(); ++i) {
    cache.insert(model.sites()[model.sites().find(names[i])].name, std::move(kept[i]));
  }
  return {std::move(logits), std::move(cache)};
}

/// The activations of a site over all sequences and positions, as rows [example * pos, width]: what
/// a probe or an autoencoder learns from. Throws NameError for a site that does not exist.
template <Scalar T>
Tensor<T> activations(const Transformer<T>& model, const std::string& site,
                      View<const Token> tokens) {
  Tensor<T> rows;
  const Cuts chunks = Cuts::of(tokens.size(0), detail::kCollected);
  for (Index i = 0; i < chunks.parts(); ++i) {
    const auto cache = model
                           .run_with_cache(tokens.slice(0, chunks.begin(i), chunks.end(i)),
                                           {.names = {site}, .logits = false})
                           .cache;
    const auto part = cache[site].matrix();
    const Index per_example = part.rows() / chunks.size(i);
    if (i == 0) rows = Tensor<T>({tokens.size(0) * per_example, part.cols()});
    rows.slice(0, chunks.begin(i) * per_example, chunks.end(i) * per_example).matrix() = part;
  }
  return rows;
}

/// Logits [example, d_vocab_out] at `position` when the activation of `site` there is `values`
/// instead of what the model computes: a test of any model of a layer. Values are as collect_at
/// gives them, without the axis of positions: [example, d_mlp] for "blocks.0.mlp.hook_pre",
/// [example, head, key] for "blocks.0.attn.hook_attn_scores". Throws NameError for a site that does
/// not exist, ShapeError when the values do not fit it.
template <Scalar T>
Tensor<T> logits_with(const Transformer<T>& model, View<const Token> tokens, Token position,
                      const std::string& site, View<const std::type_identity_t<T>> values,
                      int threads = 0) {
  const Site& where = model.sites()[model.sites().find(site)];
  const int axis = where.position_axis();
  if (axis < 0 || values.rank() + 1 != static_cast<int>(where.axes.size()) ||
      values.size(0) != tokens.size(0)) {
    fail<ShapeError>("logits_with: values are ", values.shape(), " for ", tokens.size(0),
                     " examples of ", site,
                     ", whose axes but for the position are wanted: ", where.axes_text());
  }
  Tensor<T> logits({tokens.size(0), model.config().d_vocab_out});
  const Cuts chunks = Cuts::of(tokens.size(0), detail::kCollected);
  for (Index i = 0; i < chunks.parts(); ++i) {
    const Index first = chunks.begin(i), last = chunks.end(i);
    const View<const T> here = values.slice(0, first, last);
    Shape with_position;
    for (int k = 0; k < here.rank(); ++k) {
      if (k == axis) with_position.push_back(1);
      with_position.push_back(here.size(k));
    }
    if (axis == here.rank()) with_position.push_back(1);
    const auto hook = replace(site, here.view_as(with_position), {.positions = {position}});
    copy(model
             .run_with_hooks(tokens.slice(0, first, last), {hook},
                             {.positions = {position}, .threads = threads})
             .select(1, 0),
         logits.slice(0, first, last));
  }
  return logits;
}

#ifdef HOOKED_COMPILED
extern template CachedRun<float> collect_at(const Transformer<float>&, View<const Token>, Token,
                                            const std::vector<std::string>&,
                                            const std::vector<Hook<float>>&, int);
extern template Tensor<float> logits_with(const Transformer<float>&, View<const Token>, Token,
                                          const std::string&, View<const float>, int);
extern template Tensor<float> activations(const Transformer<float>&, const std::string&,
                                          View<const Token>);
extern template CachedRun<double> collect_at(const Transformer<double>&, View<const Token>, Token,
                                             const std::vector<std::string>&,
                                             const std::vector<Hook<double>>&, int);
extern template Tensor<double> logits_with(const Transformer<double>&, View<const Token>, Token,
                                           const std::string&, View<const double>, int);
extern template Tensor<double> activations(const Transformer<double>&, const std::string&,
                                           View<const Token>);
#endif

}  // namespace hooked
