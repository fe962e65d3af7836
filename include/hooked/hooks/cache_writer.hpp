// CacheWriter: a cache on its way, filled by runs over parts of the batch.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/site.hpp"

namespace hooked {

/// Numbers [batch, ...] that come part by part, from any number of threads. They get room when the
/// first part arrives, which says how large an example is.
template <Scalar T>
class BatchOfParts {
 public:
  explicit BatchOfParts(Index batch) : batch_(batch) {}

  /// `part` is the examples from `first` on.
  void write(View<const T> part, Index first) {
    begin(part.shape());
    if (part.rank() == 0) return copy(part, numbers_.view());
    copy(part, numbers_.slice(0, first, first + part.size(0)));
  }
  /// Of a part of this `shape`, the rows (along its last axis) from `first_row` on.
  void write_rows(const Shape& shape, View<const T> rows, Index first, Index first_row) {
    begin(shape);
    const Index width = shape[-1];
    const View<T> part = numbers_.slice(0, first, first + shape[0]);
    copy(
        rows,
        part.view_as({shape.numel() / width, width}).slice(0, first_row, first_row + rows.size(0)));
  }
  /// Takes the room now, if the shape is known: memory that the caller's thread takes and gives
  /// back run after run is used again, that of threads of a pool is not (twice the time in a medium
  /// cache).
  void reserve(const Shape& whole) { numbers_ = Tensor<T>::empty(whole); }
  /// Whether any part has arrived.
  bool has_begun() const { return begun_; }
  /// The numbers of the whole batch, which are gone from here then.
  Tensor<T> take() { return std::move(numbers_); }

 private:
  // Takes room for all parts, if this one, which has `shape`, is the first.
  void begin(Shape shape) {
    const std::lock_guard lock(mutex_);
    if (begun_) return;
    if (shape.rank() > 0) shape[0] = batch_;
    if (numbers_.shape() != shape) numbers_ = Tensor<T>::empty(shape);
    begun_ = true;
  }

  Index batch_;
  std::mutex mutex_;
  bool begun_ = false;
  Tensor<T> numbers_;
};

/// What the runs over the parts of one batch keep, until all are done.
template <Scalar T>
class CacheWriter {
 public:
  /// `sites` must outlive it.
  CacheWriter(const SiteTable& sites, Index batch) : sites_(&sites), batch_(batch) {}

  /// The activation, or its gradient, of call `call` at a site, for the examples from `first` on.
  void write(SiteId id, int call, bool is_gradient, View<const T> part, Index first) {
    const auto& axes = (*sites_)[id].axes;
    const bool cut = !axes.empty() && axes[0].axis == Axis::batch;
    BatchOfParts<T>* entry = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const Index whole = cut || part.rank() == 0 ? batch_ : part.size(0);
      entry = &entries_.try_emplace({is_gradient, id, call}, whole).first->second;
    }
    entry->write(part, cut ? first : 0);
  }

  /// Takes room for the first call of a site.
  void reserve(SiteId id, const Shape& whole) {
    entries_.try_emplace({false, id, 0}, batch_).first->second.reserve(whole);
  }

  /// Of this site single calls were asked for: they keep their numbers.
  void name_by_number(SiteId id) {
    const std::lock_guard lock(mutex_);
    by_number_.insert(id);
  }

  /// Everything that was written, in firing order, gradients last.
  ActivationCache<T> finish() {
    std::erase_if(entries_, [](const auto& entry) { return !entry.second.has_begun(); });
    ActivationCache<T> cache;
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      const auto [is_gradient, id, call] = entry->first;
      const auto next = std::next(entry);
      const bool is_last = next == entries_.end() || std::get<0>(next->first) != is_gradient ||
                           std::get<1>(next->first) != id;
      const std::string& name = (*sites_)[id].name;
      const char* const ending = is_gradient ? "_grad" : "";
      const auto numbered = [&, number = call] { return text(name, ':', number, ending); };
      const bool shows_number = !is_last || by_number_.contains(id);
      Tensor<T> value = entry->second.take();
      const auto& axes = (*sites_)[id].axes_for(value.rank());
      cache.insert(shows_number ? numbered() : name + ending, std::move(value), axes);
      if (!shows_number && call > 0) cache.alias(numbered(), name + ending);
    }
    return cache;
  }

 private:
  const SiteTable* sites_;
  Index batch_;
  std::mutex mutex_;
  std::map<std::tuple<bool, SiteId, int>, BatchOfParts<T>> entries_;
  std::set<SiteId> by_number_;
};

}  // namespace hooked
