// ResidualStack: parts of a residual stream, each with its label (contract, 11).
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/in_place.hpp"
#include "hooked/core/lifetime.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/names.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"

namespace hooked {

/// Parts of the residual stream of a cached run, one after the other: what accumulated_resid,
/// decompose_resid, stack_head_results, stack_neuron_results and full_resid_decomposition give,
/// and what apply_ln_to_stack and logit_attrs take. Parts of one's own may be put together by hand.
template <Scalar T>
struct ResidualStack {
  /// One for each part: "0_pre", "embed", "0_attn_out", "L0H1", "L0N3", "bias", "remainder".
  std::vector<std::string> labels;
  /// [component, batch, pos, d_model], or [component, pos, d_model] where the cache has no batch.
  /// Of parts that were projected: [component, batch, pos], or [component, batch, pos, output].
  Tensor<T> values;
  Indices batch = {};       ///< the examples of the run that stand here, in this order
  Indices positions = {};   ///< and its positions
  bool normalized = false;  ///< whether a norm has been applied

  /// The part of a label, [batch, pos, d_model]. Throws NameError with the nearest labels.
  View<const T> operator[](const std::string& label) const HOOKED_LIFETIMEBOUND {
    const auto found = std::find(labels.begin(), labels.end(), label);
    if (found == labels.end()) {
      fail<NameError>("the stack has no part \"", label, "\"; of ", labels.size(),
                      " the nearest are: ", nearest_names(label, labels));
    }
    return values.select(0, found - labels.begin());
  }
};

namespace detail {

/// How far a stream has come: who has written to it, and which norm reads it.
struct StreamEnd {
  Index layer;       // the block that is next; n_layers: none
  Index attentions;  // so many blocks' attention has written
  Index mlps;        // and so many blocks' MLP
  std::string site;  // where the whole of it can be seen; empty where there are no blocks
  std::string norm;  // what reads it, "blocks.0.ln1" or "ln_final"; empty where there are no norms
  bool is_centred;   // whether that norm takes the mean away

  bool is_whole(const TransformerConfig& c) const { return layer == c.n_layers; }
};

/// The end of a stream before block `layer`, or before its MLP; -1 or nothing: the whole stream.
/// Throws ShapeError for a block that there is not, ConfigError for an MLP that there is not.
inline StreamEnd stream_end(const char* what, const TransformerConfig& c,
                            std::optional<Index> layer, bool mlp_input = false) {
  const Index end = layer.value_or(-1) == -1 ? c.n_layers : *layer;
  if (end < 0 || end > c.n_layers) {
    fail<ShapeError>(what, ": layer is ", end, ", it must be from 0 to ", c.n_layers,
                     ", the end, which is also -1");
  }
  const bool whole = end == c.n_layers;
  if (mlp_input && !c.has_mlp()) fail<ConfigError>(what, ": mlp_input, but there are no MLPs");
  if (mlp_input && whole) {
    fail<ConfigError>(what, ": mlp_input, but layer ", end, " is the end of the stream, no block");
  }
  const bool after_attention = mlp_input && !c.parallel_attn_mlp;
  StreamEnd found{.layer = end,
                  .attentions = end + (after_attention ? 1 : 0),
                  .mlps = c.has_mlp() ? end : 0,
                  .site = {},
                  .norm = {},
                  .is_centred = (c.normalization == Normalization::LN ||
                                 c.normalization == Normalization::LNPre) &&
                                !(whole && c.final_rms)};
  if (!whole) {
    found.site = text("blocks.", end, after_attention ? ".hook_resid_mid" : ".hook_resid_pre");
  } else if (end > 0) {
    found.site = text("blocks.", end - 1, ".hook_resid_post");
  }
  if (c.has_norm()) {
    found.norm = whole ? "ln_final" : text("blocks.", end, mlp_input ? ".ln2" : ".ln1");
  }
  return found;
}

/// Indices as numbers from 0 to size - 1. Throws ShapeError where there are none, or one outside.
inline std::vector<Index> numbers_of(const char* what, const char* axis, const Indices& indices,
                                     Index size) {
  std::vector<Index> numbers;
  for (Index i = 0; indices.all() && i < size; ++i) numbers.push_back(i);
  for (const Index i : indices.chosen()) {
    if (i < -size || i >= size) {
      fail<ShapeError>(what, ": ", axis, ": ", i, " is outside of ", size);
    }
    numbers.push_back(i < 0 ? i + size : i);
  }
  if (numbers.empty()) fail<ShapeError>(what, ": ", axis, ": none are chosen");
  return numbers;
}

/// A cache at some of its examples and positions, as the function called `what` reads it.
template <Scalar T>
struct CacheSlice {
  const char* what;
  const ActivationCache<T>& cache;
  const Indices& batch;
  const Indices& positions;

  /// Throws NameError, which says what a run has to keep, where the cache lacks one of these.
  void need(const std::vector<std::string>& sites) const {
    std::string lacking;
    std::vector<std::string> globs;
    for (const std::string& site : sites) {
      if (site.empty()) fail<ConfigError>(what, ": the model has no blocks to read a stream from");
      if (cache.contains(site)) continue;
      if (lacking.empty()) lacking = site;
      constexpr std::string_view kBlocks = "blocks.";
      const bool in_block = site.starts_with(kBlocks);
      const std::string glob =
          in_block ? "blocks.*" + site.substr(site.find('.', kBlocks.size())) : site;
      if (std::find(globs.begin(), globs.end(), glob) == globs.end()) globs.push_back(glob);
    }
    if (globs.empty()) return;
    std::string names;
    for (const std::string& glob : globs) names += (names.empty() ? "\"" : ", \"") + glob + "\"";
    fail<NameError>(what, ": the cache does not hold \"", lacking,
                    "\": keep it by run_with_cache's .names = {", names, "}");
  }

  /// The whole of a stream, [batch, pos, d_model].
  Tensor<T> stream(const StreamEnd& end) const {
    need({end.site});
    return (*this)(end.site);
  }

  /// The activation of a site, whose positions are on this axis and its examples on the one before.
  Tensor<T> operator()(const std::string& site, int position_axis = -2) const {
    View<const T> x = cache[site];
    const int axis = normalize_axis(position_axis, x.rank());
    Tensor<T> kept;
    const auto choose = [&](const char* name, const Indices& indices, int of) {
      if (indices.all()) return;
      if (of < 0)
        fail<ShapeError>(what, ": ", name, ": ", site, " is ", x.shape(), ", it has none");
      kept = take(x, of, numbers_of(what, name, indices, x.size(of)));
      x = kept;
    };
    choose("batch", batch, axis - 1);
    choose("positions", positions, axis);
    return Tensor<T>(x);
  }
};

/// Directions [d_model] or [d_model, output] that parts of a stream are projected onto, or nothing:
/// then a part stays as it is.
template <Scalar T>
class Projection {
 public:
  Projection() = default;
  /// `centred`: as the norm that takes the mean of a part away would have it, for
  /// (x - mean(x)) p = x (p - mean(p)). Throws ShapeError for directions of another size.
  Projection(const char* what, const Tensor<T>& directions, Index d_model, bool centred)
      : is_one_(directions.rank() == 1), directions_(directions) {
    if (is_none()) return;
    if (directions.rank() > 2 || directions.rank() == 0 || directions.size(0) != d_model) {
      fail<ShapeError>(what, ": project_output_onto is ", directions.shape(), ", it must be [",
                       d_model, "] or [", d_model, ", output]");
    }
    if (centred) directions_ = directions_ - mean(directions_, 0, Keep::yes);
    if (is_one_) directions_.resize({d_model, 1});
  }
  bool is_none() const { return directions_.numel() == 0; }
  /// [..., d_model] to [..., output], which is 1 for a single direction.
  Tensor<T> operator()(View<const T> x) const {
    return is_none() ? Tensor<T>(x) : matmul(x, directions_);
  }
  /// Without the axis of a single direction.
  Tensor<T> finished(Tensor<T> values) const {
    if (is_none() || !is_one_) return values;
    const Shape shape = values.shape().axes(0, values.rank() - 1);
    return std::move(values).reshape(shape);
  }

 private:
  bool is_one_ = false;
  Tensor<T> directions_;
};

/// Parts of a stream on their way into a stack.
template <Scalar T>
struct StreamParts {
  std::vector<std::string> labels;
  std::vector<Tensor<T>> values;  // each [component, batch, pos, d_model]

  /// One part, [batch, pos, d_model].
  void add(std::string label, Tensor<T> part) {
    const Shape shape = join({1}, part.shape());
    labels.push_back(std::move(label));
    values.push_back(std::move(part).reshape(shape));
  }
  /// What stands beside each other in [batch, pos, component, d_model]; the caller labels it.
  void add_all(const Tensor<T>& parts) {
    const Index components = parts.size(-2), d_model = parts.size(-1);
    const Shape places = parts.shape().axes(0, parts.rank() - 2);
    const View<const T> rows = parts.view_as({places.numel(), components, d_model});
    values.push_back(
        Tensor<T>(rows.permute({1, 0, 2})).reshape(join(join({components}, places), {d_model})));
  }
  void append(StreamParts more) {
    std::move(more.labels.begin(), more.labels.end(), std::back_inserter(labels));
    std::move(more.values.begin(), more.values.end(), std::back_inserter(values));
  }
  /// What `whole()`, the stream [batch, pos, d_model], has beyond the parts, if that is wanted; no
  /// part of its shape where there are none.
  template <class Whole>
  void close(bool incl_remainder, const Whole& whole) {
    if (!incl_remainder && !values.empty()) return;
    Tensor<T> rest = whole();
    for (const Tensor<T>& parts : values) rest -= sum(parts, 0);
    if (incl_remainder) return add("remainder", std::move(rest));
    values.emplace_back(join({0}, rest.shape()));
  }
  /// All of them, at least one.
  ResidualStack<T> stack(const CacheSlice<T>& slice) && {
    return {std::move(labels), concat(values, 0), slice.batch, slice.positions};
  }
};

/// A site and the label of what stands there.
struct LabelledSite {
  std::string label, site;
};

/// Sites as parts. Throws NameError where the cache lacks some.
template <Scalar T>
StreamParts<T> parts_of(const CacheSlice<T>& slice, const std::vector<LabelledSite>& sites) {
  std::vector<std::string> names;
  for (const auto& [label, site] : sites) names.push_back(site);
  slice.need(names);
  StreamParts<T> parts;
  for (const auto& [label, site] : sites) parts.add(label, slice(site));
  return parts;
}

}  // namespace detail

}  // namespace hooked
