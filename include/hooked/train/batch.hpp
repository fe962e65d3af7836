// Batches: values that can be cut along their examples.
#pragma once

#include <algorithm>
#include <concepts>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "hooked/core/hash.hpp"
#include "hooked/core/tensor.hpp"

namespace hooked {

namespace detail {

template <class X>
inline constexpr bool is_tensor = false;
template <class N>
inline constexpr bool is_tensor<Tensor<N>> = true;

template <class Struct, class Member>
Member member_type(Member Struct::*);

/// Whether `parts` of a struct are all of its members: what is not there would be left behind.
template <class B>
constexpr bool lists_all_members() {
  const std::size_t listed = std::apply(
      [](auto... part) { return (std::size_t{0} + ... + sizeof(member_type(part))); }, B::parts);
  return sizeof(B) - listed < alignof(B);
}

}  // namespace detail

/// A batch is a Tensor, whose first axis counts examples, or a struct that lists its members:
///
///   struct Pairs {
///     Tensor<Token> source, target;
///     static constexpr std::tuple parts{&Pairs::source, &Pairs::target};
///   };
///
/// Tensors among them are cut along their first axis; an empty one is a part that is left out.
/// Every other part belongs to all examples and goes along whole.
template <class B>
concept Batch = std::copyable<B> &&(detail::is_tensor<B> || requires { B::parts; });

/// Calls `f` on each part of `b`, and of further batches of the same type beside it.
template <class F, class B, class... More>
void for_each_part(F f, B& b, More&... more) {
  if constexpr (detail::is_tensor<std::remove_const_t<B>>) {
    f(b, more...);
  } else {
    static_assert(detail::lists_all_members<B>(), "`parts` of a batch must list all its members");
    const auto visit = [&](auto part) { f(b.*part, (more.*part)...); };
    std::apply([&](auto... part) { (visit(part), ...); }, B::parts);
  }
}

/// The examples in a batch. Throws ShapeError, which `what` begins, when its parts do not agree or
/// there are none.
template <Batch B>
Index examples_in(const B& batch, std::string_view what = "the batch") {
  Index examples = 0;
  const Shape* first = nullptr;
  for_each_part(
      [&](const auto& part) {
        if constexpr (detail::is_tensor<std::remove_cvref_t<decltype(part)>>) {
          if (part.numel() == 0 && part.shape() == Shape{0}) return;
          if (part.rank() == 0) fail<ShapeError>(what, " has a part without an axis of examples");
          if (first == nullptr) {
            first = &part.shape();
            examples = part.size(0);
          }
          if (part.size(0) == examples) return;
          fail<ShapeError>(what, " has parts ", *first, " and ", part.shape(),
                           ": their first axes, which count examples, must agree");
        }
      },
      batch);
  if (examples == 0) fail<ShapeError>(what, " is empty");
  return examples;
}

/// Rows of the widest part of an example: positions of a sequence of whole numbers, vectors of
/// anything else.
template <Batch B>
Index rows_per_example(const B& batch) {
  Index rows = 1;
  for_each_part(
      [&](const auto& part) {
        using Part = std::remove_cvref_t<decltype(part)>;
        if constexpr (detail::is_tensor<Part>) {
          if (part.numel() == 0) return;
          const bool whole = std::integral<typename Part::value_type> || part.rank() == 1;
          rows = std::max(rows, part.numel() / part.size(0) / (whole ? 1 : part.size(-1)));
        }
      },
      batch);
  return rows;
}

/// Makes `to` the examples from[place(0)], from[place(1)], ... from[place(count - 1)]. Takes
/// nothing from the heap where `to` has had as many examples before.
template <Batch B, class Place>
void copy_examples(const B& from, Index count, Place place, B& to) {
  for_each_part(
      [&](const auto& source, auto& target) {
        if constexpr (detail::is_tensor<std::remove_cvref_t<decltype(source)>>) {
          if (source.numel() == 0) {
            target.resize(source.shape());
            return;
          }
          Shape shape = source.shape();
          const Index size = source.numel() / shape[0];
          shape[0] = count;
          target.resize(shape);
          for (Index i = 0; i < count; ++i) {
            std::copy_n(source.data() + place(i) * size, size, target.data() + i * size);
          }
        } else {
          target = source;
        }
      },
      from, to);
}

/// Sixteen hexadecimal digits that change with the numbers of a batch.
template <Batch B>
std::string fingerprint(const B& batch) {
  Hash hash;
  for_each_part(
      [&](const auto& part) {
        if constexpr (requires {
                        part.data();
                        part.numel();
                      }) {
          hash.add(std::span(part.data(), static_cast<std::size_t>(part.numel())));
        } else if constexpr (std::ranges::range<decltype(part)>) {
          hash.add(part);
        } else {
          hash.add(std::span(&part, 1));
        }
      },
      batch);
  return hash.digits();
}

}  // namespace hooked
