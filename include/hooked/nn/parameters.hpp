// Parameters: all weights of a model in one slab, each seen by name in the contract's shape.
#pragma once

#include <algorithm>
#include <concepts>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hooked/core/hash.hpp"
#include "hooked/core/names.hpp"
#include "hooked/core/tensor.hpp"

namespace hooked {

/// The number of a parameter in its layout.
enum class ParameterId : int {};

/// Where each parameter lies in a slab. Weights, gradients and the optimiser's moments share one
/// layout, so an optimiser is one loop over plain arrays.
///
/// A parameter has two shapes. Its own is the contract's (W_Q is [head, d_model, d_head]); `packed`
/// is how the numbers lie in memory, chosen so that one matrix product serves all heads
/// (W_Q lies as [d_model, head * d_head]).
class ParameterLayout {
 public:
  /// One parameter: how it is seen and how it is kept.
  struct Entry {
    std::string name;              ///< "blocks.0.attn.W_Q"
    Shape shape;                   ///< the contract's
    Shape packed;                  ///< in memory
    View<float>::Strides strides;  // of `shape` within the packed numbers
    Index offset;                  // in elements from the slab's start, a multiple of 16
  };

  /// A parameter that is kept as it is seen. Throws NameError when there is one of that name.
  ParameterId add(std::string name, const Shape& shape) {
    return append(std::move(name), shape, shape, View<float>(nullptr, shape));
  }
  /// W_Q, W_K, W_V: [head, in, out] kept as [in, head * out].
  ParameterId add_heads(std::string name, Index heads, Index in, Index out) {
    const View<float> kept(nullptr, {in, heads, out});
    return append(std::move(name), {heads, in, out}, {in, heads * out}, kept.permute({1, 0, 2}));
  }
  /// b_Q, b_K, b_V and W_O: their first two axes fold into one without a change of order.
  ParameterId add_folded(std::string name, const Shape& shape) {
    const Shape packed = join({shape[0] * shape[1]}, shape.axes(2, shape.rank()));
    return append(std::move(name), shape, packed, View<float>(nullptr, shape));
  }

  /// How many parameters there are.
  std::size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  /// The parameter of a number.
  const Entry& operator[](ParameterId id) const { return entries_[static_cast<std::size_t>(id)]; }
  /// Elements of a slab, padding included.
  Index slab_size() const { return slab_size_; }
  /// Numbers in all parameters, padding left out.
  Index numel() const {
    Index sum = 0;
    for (const Entry& entry : entries_) sum += entry.shape.numel();
    return sum;
  }

  /// Whether a parameter has this name.
  bool contains(const std::string& name) const { return by_name_.contains(name); }
  /// Changes with names, shapes and places: slabs of one fingerprint are about the same parameters.
  std::uint64_t fingerprint() const { return hash_.value(); }
  /// Throws NameError, with the nearest names, when there is no such parameter.
  ParameterId find(const std::string& name) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      fail<NameError>("there is no parameter \"", name,
                      "\"; the nearest are: ", nearest_names(name, names()));
    }
    return found->second;
  }
  /// In the order in which they were added.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Entry& entry : entries_) all.push_back(entry.name);
    return all;
  }

  /// A parameter's numbers in a slab of this layout, in the contract's shape / as they lie.
  template <class T>
  View<T> view(T* slab, ParameterId id) const {
    const Entry& entry = (*this)[id];
    return {slab + entry.offset, entry.shape, entry.strides};
  }
  template <class T>
  View<T> packed(T* slab, ParameterId id) const {
    return {slab + (*this)[id].offset, (*this)[id].packed};
  }

 private:
  ParameterId append(std::string name, const Shape& shape, const Shape& packed,
                     const View<float>& strided) {
    if (contains(name)) fail<NameError>("there are two parameters named \"", name, "\"");
    View<float>::Strides strides{};
    for (int axis = 0; axis < shape.rank(); ++axis) {
      strides[static_cast<std::size_t>(axis)] = strided.stride(axis);
    }
    const auto id = static_cast<ParameterId>(entries_.size());
    by_name_.emplace(name, id);
    hash_.add(name).add(packed).add(shape);
    entries_.push_back({std::move(name), shape, packed, strides, slab_size_});
    constexpr Index kLine = 16;  // elements; every parameter starts on a cache line
    slab_size_ += (shape.numel() + kLine - 1) / kLine * kLine;
    return id;
  }

  std::vector<Entry> entries_;
  std::unordered_map<std::string, ParameterId> by_name_;
  Hash hash_;
  Index slab_size_ = 0;
};

/// Numbers in a layout: a model's weights, or their gradients. A value: copying copies the numbers.
template <Scalar T>
class Parameters {
 public:
  explicit Parameters(ParameterLayout layout)
      : layout_(std::move(layout)),
        slab_(Shape{layout_.slab_size()}),
        frozen_(layout_.size(), false) {}

  /// Where each parameter lies.
  const ParameterLayout& layout() const { return layout_; }
  /// In the order in which modules registered them.
  std::vector<std::string> names() const { return layout_.names(); }
  /// Whether a parameter has this name.
  bool contains(const std::string& name) const { return layout_.contains(name); }
  /// Whether the name of any parameter fits a glob.
  bool has(const std::string& glob) const {
    return std::any_of(layout_.begin(), layout_.end(),
                       [&](const auto& entry) { return matches_glob(entry.name, glob); });
  }

  /// In the contract's shape: `parameters["blocks.0.attn.W_Q"]` is [head, d_model, d_head].
  /// Throws NameError with the nearest names.
  View<T> operator[](const std::string& name) { return (*this)[layout_.find(name)]; }
  View<const T> operator[](const std::string& name) const { return (*this)[layout_.find(name)]; }
  View<T> operator[](ParameterId id) { return layout_.view(slab_.data(), id); }
  View<const T> operator[](ParameterId id) const { return layout_.view(slab_.data(), id); }

  /// Copies `value` into a parameter. Throws NameError or, with both shapes, ShapeError.
  void set(const std::string& name, View<const T> value) {
    const View<T> own = (*this)[name];
    if (own.shape() != value.shape()) {
      fail<ShapeError>("parameter ", name, " is ", own.shape(), ", the value given is ",
                       value.shape());
    }
    copy(value, own);
  }

  /// All numbers as one array, padding included (padding is zero and stays zero).
  Tensor<T>& slab() { return slab_; }
  const Tensor<T>& slab() const { return slab_; }

  /// A frozen parameter has no gradient and is left alone by optimisers. The name may be a glob;
  /// throws NameError when it fits nothing.
  void freeze(const std::string& glob, bool frozen = true) {
    bool any = false;
    for (std::size_t i = 0; i < layout_.size(); ++i) {
      if (!matches_glob(layout_[static_cast<ParameterId>(i)].name, glob)) continue;
      frozen_[i] = frozen;
      any = true;
    }
    if (!any) {
      fail<NameError>("no parameter is named \"", glob,
                      "\"; the nearest are: ", nearest_names(glob, names()));
    }
  }
  /// Whether training leaves it alone.
  bool is_frozen(ParameterId id) const { return frozen_[static_cast<std::size_t>(id)]; }

 private:
  ParameterLayout layout_;
  Tensor<T> slab_;
  std::vector<bool> frozen_;
};

/// A model, for what works with its parameters alone.
template <class Model, class T>
concept HasParameters = requires(const Model& model) {
  { model.parameters() } -> std::same_as<const Parameters<T>&>;
};
/// The element type of a model's parameters.
template <class Model>
using ScalarOf = typename std::remove_cvref_t<
    decltype(std::declval<const Model&>().parameters().slab())>::value_type;

}  // namespace hooked
