// KeptRows: of [batch, pos] the rows that are not padding, as the distinct rows of one map.
#pragma once

#include <cstdint>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/ops/gather_rows.hpp"

namespace hooked {

/// Rows of padding that nobody reads need not be computed: the others become the distinct rows of a
/// row map, and a row of padding shows the one that was kept before it (the first of all, if there
/// is none). All that `of` gives shares one map, so that ops which act row by row keep it.
class KeptRows {
 public:
  /// `visible` [batch, pos], 0 for padding. It takes its memory from `arena` and lives as long as
  /// what lies there.
  KeptRows(Arena& arena, Index batch, Index length, const std::uint8_t* visible)
      : arena_(&arena), kept_(arena.allocate<Token>(static_cast<std::size_t>(batch * length))) {
    Token* const row = arena.allocate<Token>(static_cast<std::size_t>(batch * length));
    for (Index i = 0; i < batch * length; ++i) {
      if (visible[i] != 0) kept_[count_++] = static_cast<Token>(i);
      row[i] = static_cast<Token>(count_ == 0 ? 0 : count_ - 1);
    }
    map_ = arena.make<RowMap>(RowMap{batch, length, row});
  }

  /// How many rows are kept.
  Index count() const { return count_; }

  /// x, [batch, pos, ...] or distinct rows of it, at the kept rows alone.
  template <Scalar T>
  Variable<T> of(Variable<T> x) const {
    const RowMap* const rows = x.rows();
    if (rows == map_) return x;
    const Token* index = kept_;
    if (rows != nullptr) {
      Token* const there = arena_->allocate<Token>(static_cast<std::size_t>(count_));
      for (Index i = 0; i < count_; ++i) there[i] = rows->row[kept_[i]];
      index = there;
    }
    const auto y = record<GatherRows>({index, {count_}}, table_of(x));
    y.node().rows = map_;
    return y;
  }

 private:
  Arena* arena_;
  Token* kept_;  // [count]: where in [batch, pos] each stands
  Index count_ = 0;
  const RowMap* map_;
};

}  // namespace hooked
