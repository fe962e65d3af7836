// Rows of activations: how many sequences and positions a variable has, and its rows at some
// positions alone.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/ops/gather_rows.hpp"

namespace hooked {

/// Sequences in a variable [batch, pos, ...].
template <Scalar T>
Index batch_of(Variable<T> x) {
  return x.rows() != nullptr ? x.rows()->batch : x.shape()[0];
}
/// Positions of a sequence.
template <Scalar T>
Index length_of(Variable<T> x) {
  return x.rows() != nullptr ? x.rows()->positions : x.shape()[1];
}

/// Throws ShapeError unless `positions` rise within 0..length-1; `what` begins the text.
inline void check_positions(std::string_view what, std::span<const Token> positions, Index length) {
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (positions[i] >= 0 && positions[i] < length && (i == 0 || positions[i] > positions[i - 1])) {
      continue;
    }
    fail<ShapeError>(what, " must rise within 0..", length - 1, ", number ", i, " is ",
                     positions[i]);
  }
}

/// x at `positions` alone: [batch, positions, ...]; none given are all. Distinct rows stay
/// distinct.
template <Scalar T>
Variable<T> at_positions(Variable<T> x, std::span<const Token> positions) {
  if (positions.empty()) return x;
  Arena& arena = x.tape().arena();
  const RowMap* rows = x.rows();
  const Index batch = batch_of(x), length = length_of(x);
  const auto wanted = static_cast<Index>(positions.size());
  const auto table = table_of(x);
  Token* index = arena.allocate<Token>(static_cast<std::size_t>(batch * wanted));
  for (Index i = 0; i < batch * wanted; ++i) {
    const Index row = i / wanted * length + positions[static_cast<std::size_t>(i % wanted)];
    index[i] = rows != nullptr ? rows->row[row] : static_cast<Token>(row);
  }
  if (rows == nullptr) return record<GatherRows>({index, {batch, wanted}}, table);

  // The rows that occur there, numbered as they first occur.
  const auto count = static_cast<std::size_t>(table.shape()[0]);
  Token* number_of = arena.allocate<Token>(count);
  Token* kept = arena.allocate<Token>(count);
  std::fill_n(number_of, count, Token{-1});
  Index distinct = 0;
  for (Index i = 0; i < batch * wanted; ++i) {
    Token& number = number_of[index[i]];
    if (number < 0) {
      number = static_cast<Token>(distinct);
      kept[distinct++] = index[i];
    }
    index[i] = number;
  }
  const auto y = record<GatherRows>({kept, {distinct}}, table);
  y.node().rows = arena.make<RowMap>(RowMap{batch, wanted, index});
  return y;
}

/// A copy of x [batch, pos, width] for each of `heads` heads: [batch, pos, head, width].
template <Scalar T>
Variable<T> copy_for_heads(Variable<T> x, Index heads) {
  x = dense(x);
  Tape<T>& tape = x.tape();
  const Index rows = x.shape()[0] * x.shape()[1];
  auto* index = tape.arena().template allocate<Token>(static_cast<std::size_t>(rows * heads));
  for (Index i = 0; i < rows * heads; ++i) index[i] = static_cast<Token>(i / heads);
  const auto table = tape.reshape(x, {rows, x.shape()[2]});
  return record<GatherRows>({index, Shape{x.shape()[0], x.shape()[1], heads}}, table);
}

}  // namespace hooked
