// einsum: sums of products written with letters for axes, lowered to matrix products.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hooked/core/compiled.hpp"
#include "hooked/core/reduce.hpp"

namespace hooked {

namespace detail {

inline bool has(std::string_view letters, char letter) {
  return letters.find(letter) != std::string_view::npos;
}

// "bphe,hed->bphd", read and judged. Without the heap, as long as an operand's letters are short
// strings: a step of training may have it on its way.
struct EinsumSpec {
  static constexpr std::size_t kMostOperands = 16;

  std::array<std::string, kMostOperands> inputs;
  std::size_t operands = 0;
  std::string output;

  EinsumSpec(std::string_view spec, std::span<const Shape> shapes) {
    parse(spec);
    if (operands != shapes.size()) {
      fail<ShapeError>("einsum \"", spec, "\": ", operands, " operands are named, ", shapes.size(),
                       " given");
    }
    struct Seen {
      Index size = -1;
      std::size_t operand = 0;
    };
    std::array<Seen, 128> seen;  // by letter
    for (std::size_t k = 0; k < operands; ++k) {
      if (static_cast<int>(inputs[k].size()) != shapes[k].rank()) {
        refuse(spec, shapes, inputs[k], " names ", inputs[k].size(), " axes");
      }
      for (std::size_t axis = 0; axis < inputs[k].size(); ++axis) {
        const char letter = inputs[k][axis];
        const Index size = shapes[k][static_cast<int>(axis)];
        Seen& first = seen[static_cast<std::size_t>(letter)];
        if (first.size == -1) first = {size, k};
        if (first.size == size) continue;
        refuse(spec, shapes, "letter ", letter, " is ", first.size, " in ", inputs[first.operand],
               " but ", size, " in ", inputs[k]);
      }
    }
    for (std::size_t i = 0; i < output.size(); ++i) {
      if (seen[static_cast<std::size_t>(output[i])].size == -1) {
        refuse(spec, shapes, "letter ", output[i], " is in no operand");
      }
      if (output.find(output[i]) != i) {
        refuse(spec, shapes, "letter ", output[i], " is twice in the output");
      }
    }
  }

  // The letters that the output and the operands from number `k` on have.
  std::string wanted_from(std::size_t k) const {
    std::string letters = output;
    for (std::size_t i = operands; i-- > k;) letters += inputs[i];
    return letters;
  }

 private:
  void parse(std::string_view spec) {
    operands = 1;
    bool arrow = false;
    for (std::size_t i = 0; i < spec.size(); ++i) {
      const char c = spec[i];
      if (c == ' ') continue;
      if (c == ',' && !arrow) {
        if (operands++ < kMostOperands) continue;
        fail<ShapeError>("einsum \"", spec, "\": more than ", kMostOperands, " operands");
      } else if (spec.substr(i, 2) == "->" && !arrow) {
        arrow = true;
        ++i;
      } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        (arrow ? output : inputs[operands - 1]) += c;
      } else {
        fail<ShapeError>("einsum \"", spec, "\": '", c, "' is out of place");
      }
    }
    if (!arrow) fail<ShapeError>("einsum \"", spec, "\": say the output, as in \"ij,jk->ik\"");
  }

  template <class... Parts>
  [[noreturn]] void refuse(std::string_view spec, std::span<const Shape> shapes,
                           const Parts&... parts) const {
    std::string given;
    for (std::size_t k = 0; k < shapes.size(); ++k) {
      given += text(k == 0 ? "" : ", ", inputs[k], " is ", shapes[k]);
    }
    fail<ShapeError>("einsum \"", spec, "\": ", given, ": ", parts...);
  }
};

// The product of two settled operands: letters of both that `wanted` has too are looped over, other
// letters of both are contracted, letters of one become the rows and columns of matrix products.
struct Contraction {
  std::string loops, rows, inner, columns;

  Contraction(std::string_view a, std::string_view b, std::string_view wanted) {
    for (const char letter : a) {
      (!has(b, letter) ? rows : has(wanted, letter) ? loops : inner) += letter;
    }
    for (const char letter : b) {
      if (!has(a, letter)) columns += letter;
    }
  }
};

// A view whose axes have letters, and the numbers when they are its own.
template <Scalar T>
struct Lettered {
  std::string letters;
  View<const T> view;
  Tensor<T> own;

  Lettered(std::string names, View<const T> x) : letters(std::move(names)), view(x) {}
  Lettered(std::string names, Tensor<T> x)
      : letters(std::move(names)), view(std::as_const(x).view()), own(std::move(x)) {}

  // The axes in the order of `wanted`; a letter on several axes becomes their diagonal.
  View<const T> arranged(std::string_view wanted) const {
    Shape shape;
    typename View<const T>::Strides strides{};
    for (const char letter : wanted) {
      Index& stride = strides[static_cast<std::size_t>(shape.rank())];
      for (int axis = 0; axis < view.rank(); ++axis) {
        if (letters[static_cast<std::size_t>(axis)] == letter) stride += view.stride(axis);
      }
      shape.push_back(size(letter));
    }
    return {view.data(), shape, strides};
  }
  Index size(char letter) const { return view.size(static_cast<int>(letters.find(letter))); }

  // [loops, rows, columns]: the axes in these groups, copied into `room` if they lie otherwise.
  View<const T> matrices(const std::string& loops, const std::string& rows,
                         const std::string& columns, Tensor<T>& room) const {
    View<const T> x = arranged(loops + rows + columns);
    if (!x.is_contiguous()) {
      room = Tensor<T>(x);
      x = std::as_const(room).view();
    }
    return x.view_as(Shape{count(loops), count(rows), count(columns)});
  }
  Index count(std::string_view group) const {
    Index product = 1;
    for (const char letter : group) product *= size(letter);
    return product;
  }

  // Diagonals taken, and letters that `others` do not have summed out.
  Lettered settled(std::string_view others) const {
    std::string unique, kept;
    std::vector<int> summed;
    for (const char letter : letters) {
      if (has(unique, letter)) continue;
      if (has(others, letter)) {
        kept += letter;
      } else {
        summed.push_back(static_cast<int>(unique.size()));
      }
      unique += letter;
    }
    const View<const T> x = arranged(unique);
    if (summed.empty()) return {unique, x};
    return {kept, sum(x, Axes(summed))};
  }
};

template <Scalar T>
Lettered<T> contract(const Lettered<T>& a, const Lettered<T>& b, std::string_view wanted) {
  const auto [loops, rows, inner, columns] = Contraction(a.letters, b.letters, wanted);
  Tensor<T> product(join(a.arranged(loops + rows).shape(), b.arranged(columns).shape()));
  if (rows.empty() && inner.empty() && columns.empty()) {
    walk([](T& y, T u, T v) { y = u * v; }, product.view(), a.arranged(loops), b.arranged(loops));
    return {loops, std::move(product)};
  }
  Tensor<T> room_a, room_b;
  const View<const T> left = a.matrices(loops, rows, inner, room_a);
  const View<const T> right = b.matrices(loops, inner, columns, room_b);
  const View<T> out = product.view().view_as(Shape{left.size(0), left.size(1), right.size(2)});
  for (Index i = 0; i < out.size(0); ++i) {
    out.select(0, i).matrix().noalias() = left.select(0, i).matrix() * right.select(0, i).matrix();
  }
  return {loops + rows + columns, std::move(product)};
}

template <Scalar T>
Tensor<T> einsum(std::string_view spec, const std::vector<View<const T>>& operands) {
  std::vector<Shape> shapes;
  for (const View<const T>& operand : operands) shapes.push_back(operand.shape());
  const EinsumSpec parsed(spec, shapes);

  auto result = Lettered<T>(parsed.inputs[0], operands[0]).settled(parsed.wanted_from(1));
  for (std::size_t k = 1; k < operands.size(); ++k) {
    const std::string wanted = parsed.wanted_from(k + 1);
    const auto next = Lettered<T>(parsed.inputs[k], operands[k]).settled(wanted + result.letters);
    result = contract(result, next, wanted);
  }
  return Tensor<T>(result.arranged(parsed.output));
}

#ifdef HOOKED_COMPILED
extern template Tensor<float> einsum(std::string_view, const std::vector<View<const float>>&);
extern template Tensor<double> einsum(std::string_view, const std::vector<View<const double>>&);
#endif

}  // namespace detail

/// Sums of products: `einsum("bphe,hed->bphd", z, W_O)` is y[b,p,h,d] = sum over e of
/// z[b,p,h,e] W_O[h,e,d]. One letter for each axis; a letter that the output does not have is
/// summed over; a letter twice in one operand takes the diagonal ("ii->" is the trace). The output
/// is always written out, spaces are ignored, and a letter has one size: nothing broadcasts. Three
/// and more operands are multiplied from left to right. Sums inside one operand are added up in
/// double, products in the elements' own type. Throws ShapeError when the letters do not fit the
/// shapes or each other.
template <TensorLike First, TensorOf<typename First::value_type>... Rest>
Tensor<typename First::value_type> einsum(std::string_view spec, const First& first,
                                          const Rest&... rest) {
  using T = typename First::value_type;
  return detail::einsum(spec, std::vector<View<const T>>{first.view(), rest.view()...});
}

}  // namespace hooked
