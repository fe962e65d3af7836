// Ops broken on purpose, in the ways that ops break. A checker that accepts one of them is no good.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/testing/any_op.hpp"
#include "hooked/testing/bits.hpp"

namespace hooked::testing {

/// A broken copy of an op. `differs` is set as soon as it does anything that the op does not: where
/// it stays unset (a transposed gradient of one row), there was nothing to find.
template <Scalar T>
struct Mutant {
  std::string name;            ///< what is wrong with it
  AnyOp<T> op;                 ///< the op with that fault
  bool breaks_numbers = true;  // and not the judgement of shapes
  std::shared_ptr<bool> differs = std::make_shared<bool>(false);
};

namespace detail {

/// Makes the mutants of one op.
template <Scalar T>
class MutantMaker {
 public:
  explicit MutantMaker(const AnyOp<T>& op) : op_(op) {}

  std::vector<Mutant<T>> make() {
    for (std::size_t i = 0; i < static_cast<std::size_t>(op_.inputs); ++i) break_gradient(i);
    break_cotangent();
    break_output();
    break_shape();
    return std::move(mutants_);
  }

 private:
  using Views = typename AnyOp<T>::Views;
  using Accs = std::vector<Acc<T>>;
  using Tensors = std::vector<Tensor<T>>;
  // Changes the gradient of one input; sees those of all inputs.
  using Edit = std::function<void(Tensor<T>& gradient, const Tensors& all)>;

  Mutant<T>& add(const std::string& name) {
    mutants_.push_back({name, op_});
    return mutants_.back();
  }

  void break_gradient(std::size_t input) {
    edit_gradient(input, "is zero", [](Tensor<T>& g, const Tensors&) { g.fill(T(0)); });
    edit_gradient(input, "is 1.001 times too large",
                  [](Tensor<T>& g, const Tensors&) { g.array() *= T(1.001); });
    edit_gradient(input, "counts twice", [](Tensor<T>& g, const Tensors&) { g.array() *= T(2); });
    edit_gradient(input, "has the wrong sign", [](Tensor<T>& g, const Tensors&) {
      g.array() = T(0) - g.array();  // which of 0 is 0
    });
    edit_gradient(input, "is in reverse order", [](Tensor<T>& g, const Tensors&) {
      std::reverse(g.data(), g.data() + g.numel());
    });
    edit_gradient(input, "lacks a transpose", [](Tensor<T>& g, const Tensors&) {
      if (g.rank() < 2) return;
      const Tensor<T> turned(g.transpose());
      std::copy_n(turned.data(), turned.numel(), g.data());
    });
    edit_gradient(input, "lacks its largest element", [](Tensor<T>& g, const Tensors&) {
      if (g.numel() == 0) return;
      const auto smaller = [](T a, T b) { return std::abs(a) < std::abs(b); };
      *std::max_element(g.data(), g.data() + g.numel(), smaller) = T(0);
    });
    edit_gradient(input, "has a constant added",
                  [](Tensor<T>& g, const Tensors&) { g.array() += T(0.001); });
    edit_gradient(input, "is another input's", [input](Tensor<T>& g, const Tensors& all) {
      const Tensor<T>& other = all[(input + 1) % all.size()];
      for (Index k = 0; k < g.numel() && other.numel() > 0; ++k) {
        g.data()[k] = other.data()[k % other.numel()];
      }
    });
    drop_gradient(input);
    drop_gradient_alone(input);
    assign_gradient(input);
  }

  // The op's own gradients, of those inputs that `wanted` has, in new memory.
  static Tensors own_gradients(const AnyOp<T>& op, std::size_t sample, const Views& in,
                               View<const T> y, View<const T> saved, View<const T> dy,
                               const Accs& wanted) {
    Tensors gradients;
    Accs accs;
    std::unique_ptr<bool[]> touched(new bool[in.size()]());
    for (std::size_t i = 0; i < in.size(); ++i) gradients.emplace_back(in[i].shape());
    for (std::size_t i = 0; i < in.size(); ++i) {
      accs.push_back(wanted[i] ? Acc<T>(gradients[i].view(), &touched[i]) : Acc<T>());
    }
    op.backward(sample, in, y, saved, dy, accs);
    return gradients;
  }

  static bool same(const Tensor<T>& a, const Tensor<T>& b) { return bit_difference(a, b).empty(); }

  void edit_gradient(std::size_t input, const std::string& what, const Edit& edit) {
    auto& mutant = add(text("the gradient of input ", input, " ", what));
    mutant.op.backward = [op = op_, input, edit, differs = mutant.differs](
                             std::size_t sample, const Views& in, View<const T> y,
                             View<const T> saved, View<const T> dy, const Accs& gradients) {
      Tensors own = own_gradients(op, sample, in, y, saved, dy, gradients);
      const Tensor<T> before = own[input];
      edit(own[input], own);
      if (gradients[input] && !same(before, own[input])) *differs = true;
      for (std::size_t i = 0; i < own.size(); ++i) gradients[i].array() += own[i].array();
    };
  }

  // All gradients but that of one input.
  static Accs without(const Accs& gradients, std::size_t input) {
    Accs others;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      others.push_back(i == input ? Acc<T>() : gradients[i]);
    }
    return others;
  }

  void drop_gradient(std::size_t input) {
    auto& mutant = add(text("the gradient of input ", input, " is forgotten"));
    mutant.op.backward = [op = op_, input, differs = mutant.differs](
                             std::size_t sample, const Views& in, View<const T> y,
                             View<const T> saved, View<const T> dy, Accs gradients) {
      const Tensors own = own_gradients(op, sample, in, y, saved, dy, gradients);
      if (own[input].numel() > 0 && !own[input].array().isZero(0)) *differs = true;
      op.backward(sample, in, y, saved, dy, without(gradients, input));
    };
  }

  void drop_gradient_alone(std::size_t input) {
    auto& mutant = add(text("the gradient of input ", input, " needs another's to be wanted"));
    mutant.op.backward = [op = op_, input, differs = mutant.differs](
                             std::size_t sample, const Views& in, View<const T> y,
                             View<const T> saved, View<const T> dy, Accs gradients) {
      const Tensors own = own_gradients(op, sample, in, y, saved, dy, gradients);
      bool another = gradients.size() == 1;
      for (std::size_t i = 0; i < gradients.size(); ++i) another |= i != input && gradients[i];
      if (!another && own[input].numel() > 0 && !own[input].array().isZero(0)) *differs = true;
      op.backward(sample, in, y, saved, dy, another ? gradients : without(gradients, input));
    };
  }

  void assign_gradient(std::size_t input) {
    auto& mutant = add(text("the gradient of input ", input, " is assigned, not added"));
    mutant.op.backward = [op = op_, input, differs = mutant.differs](
                             std::size_t sample, const Views& in, View<const T> y,
                             View<const T> saved, View<const T> dy, const Accs& gradients) {
      const Tensors own = own_gradients(op, sample, in, y, saved, dy, gradients);
      for (std::size_t i = 0; i < own.size(); ++i) {
        const Sums<T> sums = gradients[i].sums();
        for (Index k = 0; sums && k < own[i].numel(); ++k) {
          const T before = sums[k], added = own[i].data()[k];
          if (i == input && before + added != added) *differs = true;
          sums.add(k, i == input ? added - before : added);
        }
      }
    };
  }

  void break_cotangent() {
    replace_cotangent("backward takes dy for ones", [](Tensor<T>& dy) { dy.fill(T(1)); });
    replace_cotangent("backward forgets the last element of dy", [](Tensor<T>& dy) {
      if (dy.numel() > 0) dy.data()[dy.numel() - 1] = T(0);
    });
    replace_cotangent("backward takes dy for its size",
                      [](Tensor<T>& dy) { dy.array() = dy.array().abs().eval(); });
  }

  void replace_cotangent(const std::string& name, const std::function<void(Tensor<T>&)>& edit) {
    auto& mutant = add(name);
    mutant.op.backward = [op = op_, edit, differs = mutant.differs](
                             std::size_t sample, const Views& in, View<const T> y,
                             View<const T> saved, View<const T> dy, const Accs& gradients) {
      Tensor<T> edited(dy);
      edit(edited);
      const Tensors own = own_gradients(op, sample, in, y, saved, dy, gradients);
      const Tensors broken = own_gradients(op, sample, in, y, saved, edited, gradients);
      for (std::size_t i = 0; i < own.size(); ++i) {
        if (!same(own[i], broken[i])) *differs = true;
        gradients[i].array() += broken[i].array();
      }
    };
  }

  void break_output() {
    edit_output("the first output is not written", [](const Tensor<T>& before, View<T> y) {
      if (y.numel() > 0) y.data()[0] = before.data()[0];
    });
    edit_output("the last output is not written", [](const Tensor<T>& before, View<T> y) {
      if (y.numel() > 0) y.data()[y.numel() - 1] = before.data()[y.numel() - 1];
    });
    edit_output("outputs are added to what was there",
                [](const Tensor<T>& before, View<T> y) { y.array() += before.array(); });
    edit_output("the output is 1.001 times too large",
                [](const Tensor<T>&, View<T> y) { y.array() *= T(1.001); });
    edit_output("the output changes its bits from run to run",
                [run = std::make_shared<int>(0)](const Tensor<T>&, View<T> y) {
                  if (++*run % 2 == 0 || y.numel() == 0) return;
                  T& most = *std::max_element(y.data(), y.data() + y.numel());
                  most = std::nextafter(most, T(0));
                });
  }

  void edit_output(const std::string& name,
                   const std::function<void(const Tensor<T>& before, View<T> y)>& edit) {
    auto& mutant = add(name);
    mutant.op.forward = [op = op_, edit, differs = mutant.differs](
                            std::size_t sample, const Views& in, View<T> y, View<T> saved) {
      const Tensor<T> before(y);
      op.forward(sample, in, y, saved);
      const Tensor<T> right(y);
      edit(before, y);
      if (!bit_difference(right, y).empty()) *differs = true;
    };
  }

  void break_shape() {
    if (op_.inputs > 1) {  // one input alone may well have any shape
      on_refusal("every shape is accepted", [op = op_](std::size_t sample, const ShapeError&) {
        return op.shape(sample, op.cases[sample].inputs);
      });
    }
    on_refusal("the error does not show the shapes",
               [](std::size_t, const ShapeError&) -> Shape { throw ShapeError("wrong shapes"); });
    on_refusal("the error is no ShapeError", [](std::size_t, const ShapeError& error) -> Shape {
      throw std::runtime_error(error.what());
    });
  }

  void on_refusal(const std::string& name,
                  const std::function<Shape(std::size_t, const ShapeError&)>& answer) {
    auto& mutant = add(name);
    mutant.breaks_numbers = false;
    mutant.op.shape = [op = op_, answer, differs = mutant.differs](
                          std::size_t sample, const typename AnyOp<T>::Shapes& shapes) {
      try {
        return op.shape(sample, shapes);
      } catch (const ShapeError& error) {
        *differs = true;
        return answer(sample, error);
      }
    };
  }

  AnyOp<T> op_;
  std::vector<Mutant<T>> mutants_;
};

}  // namespace detail

/// Every mutant of an op: gradients that are zero, scaled, permuted, forgotten, another input's,
/// assigned; outputs not written or read before; cotangents ignored; shapes not refused.
template <Scalar T>
std::vector<Mutant<T>> mutants(const AnyOp<T>& op) {
  return detail::MutantMaker<T>(op).make();
}

}  // namespace hooked::testing
