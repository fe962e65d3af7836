// What every op must keep to, in float as in double, whatever it computes.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "hooked/testing/differences.hpp"
#include "hooked/testing/op_run.hpp"

namespace hooked::testing {

/// Checks the rules on one run of an op; faults go into the report.
template <Scalar T>
class OpRules {
 public:
  /// One for each input.
  using Tensors = typename OpRun<T>::Tensors;

  /// `run` and `report` must outlive this object.
  OpRules(const OpRun<T>& run, GradReport& report) : run_(run), report_(report) {}

  /// Every rule but that of the heap.
  void check() {
    check_written();
    check_same_bits();
    check_linear();
    check_added();
    check_each_alone();
    check_rows();
    check_windows();
  }
  /// Forward and backward make no heap call.
  void check_heap() {
    const long calls = run_.heap_calls();
    if (calls > 0) complain("forward and backward call the heap ", calls, " times");
  }

 private:
  std::size_t inputs() const { return run_.x().size(); }
  const Tensor<T>& gradient(std::size_t i) const { return run_.gradients()[i]; }

  void check_written() {
    expect_no_nan(run_.y(), "output");
    for (std::size_t i = 0; i < inputs(); ++i) {
      expect_no_nan(gradient(i), text("gradient of input ", i));
    }
  }

  // Again, in memory that holds ones: also finds what the NaN slipped through, as in max(x, NaN).
  void check_same_bits() {
    const auto again = run_.run_forward(run_.x(), T(1));
    expect_same_bits(run_.y(), again.y, "output");
    const Tensors gradients = run_.run_backward(again, run_.dy());
    for (std::size_t i = 0; i < inputs(); ++i) {
      expect_same_bits(gradient(i), gradients[i], text("gradient of input ", i));
    }
  }

  // J^T (2 dy - other / 2) = 2 J^T dy - J^T other / 2
  void check_linear() {
    const Tensor<T> other = random_tensors<T>({run_.y().shape()}, "another cotangent")[0];
    Tensor<T> mixed(other.shape());
    mixed.array() = T(2) * run_.dy().array() - T(0.5) * other.array();
    const Tensors of_other = run_.run_backward(run_.forward(), other);
    const Tensors of_mixed = run_.run_backward(run_.forward(), mixed);
    for (std::size_t i = 0; i < inputs(); ++i) {
      Tensor<T> expected(gradient(i).shape());
      expected.array() = T(2) * gradient(i).array() - T(0.5) * of_other[i].array();
      expect_close(of_mixed[i], expected, 2 * largest(gradient(i)) + largest(of_other[i]) / 2,
                   text("backward is not linear in dy: gradient of input ", i));
    }
  }

  void check_added() {
    const Tensors twice = run_.run_backward(run_.forward(), run_.dy(), 2);
    for (std::size_t i = 0; i < inputs(); ++i) {
      Tensor<T> expected(gradient(i).shape());
      expected.array() = T(2) * gradient(i).array();
      expect_close(twice[i], expected, largest(expected),
                   text("a second backward does not add the same again: gradient of input ", i));
    }
  }

  void check_each_alone() {
    for (std::size_t i = 0; i < inputs(); ++i) {
      const Tensors alone =
          run_.run_backward(run_.x(), run_.forward(), run_.dy(), static_cast<int>(i));
      expect_same_bits(gradient(i), alone[i],
                       text("when no other gradient is wanted: gradient of input ", i));
    }
  }

  // An op that says that it acts on rows must not care in which order they come.
  void check_rows() {
    const auto rows = static_cast<std::size_t>(run_.op().row_inputs);
    if (rows == 0 || run_.x()[0].rank() < 2) return;
    Tensors x = run_.x();
    for (std::size_t i = 0; i < rows; ++i) x[i] = reversed(x[i]);
    const auto forward = run_.run_forward(x);
    expect_close(forward.y, reversed(run_.y()), largest(run_.y()), "rows in reverse order: output");
    const Tensors gradients = run_.run_backward(x, forward, reversed(run_.dy()));
    for (std::size_t i = 0; i < inputs(); ++i) {
      expect_close(gradients[i], i < rows ? reversed(gradient(i)) : gradient(i),
                   largest(gradient(i)), text("rows in reverse order: gradient of input ", i));
    }
  }

  // Inputs and gradients may be windows on larger or turned tensors (a parameter in the contract's
  // shape is): an op refuses with a ShapeError what it cannot walk, or computes the same.
  void check_windows() {
    for (std::size_t i = 0; i < inputs(); ++i) {
      const Shape& shape = run_.x()[i].shape();
      if (shape.rank() == 0) continue;
      Shape wide = shape;
      wide[-1] += 3;
      check_window(i, wide, [&](View<T> x) { return x.slice(-1, 0, shape[-1]); });
      for (int axis = 0; axis + 1 < shape.rank(); ++axis) {
        Shape turned = shape;
        std::swap(turned[axis], turned[axis + 1]);
        check_window(i, turned, [&](View<T> x) { return swap_axes(x, axis); });
      }
    }
  }

  // `look` turns a tensor of shape `memory` into input i.
  void check_window(std::size_t i, const Shape& memory, const auto& look) {
    Tensor<T> numbers(memory, OpRun<T>::kNaN), slope(memory, OpRun<T>::kNaN);
    const View<T> x = look(numbers.view()), dx = look(slope.view());
    copy<T>(run_.x()[i], x);
    const std::string what = text("input ", i, " as a window on ", memory, ": ");
    try {
      const auto forward = run_.run_forward_with(i, x);
      expect_close(forward.y, run_.y(), largest(run_.y()), what + "output");
      if (!run_.run_backward_with(i, x, dx, forward)) slope.fill(T(0));
      expect_close(Tensor<T>(dx), gradient(i), largest(gradient(i)), what + "gradient");
    } catch (const ShapeError&) {
      return;
    }
  }

  static View<T> swap_axes(View<T> x, int axis) {
    auto strides = typename View<T>::Strides{};
    Shape shape = x.shape();
    for (int k = 0; k < x.rank(); ++k) strides[static_cast<std::size_t>(k)] = x.stride(k);
    const auto first = static_cast<std::size_t>(axis);
    std::swap(strides[first], strides[first + 1]);
    std::swap(shape[axis], shape[axis + 1]);
    return {x.data(), shape, strides};
  }

  // Index i of the first axis goes to the other end.
  static Tensor<T> reversed(const Tensor<T>& x) {
    Tensor<T> y(x.shape());
    for (Index i = 0; i < x.size(0); ++i) copy(x.select(0, i), y.select(0, x.size(0) - 1 - i));
    return y;
  }

  static double largest(const Tensor<T>& x) {
    double most = 0.0;
    for (Index k = 0; k < x.numel(); ++k) {
      const double size = std::abs(static_cast<double>(x.data()[k]));
      if (std::isfinite(size)) most = std::max(most, size);
    }
    return most;
  }

  template <class... Parts>
  void complain(const Parts&... parts) {
    report_.failures.push_back(text(run_.label(), ": ", parts...));
  }
  void expect_no_nan(const Tensor<T>& x, const std::string& what) {
    for (Index k = 0; k < x.numel(); ++k) {
      if (!std::isnan(x.data()[k])) continue;
      complain(what, " at ", position_text(k, x.shape()),
               " is NaN: never written, or computed from memory that never was");
      return;
    }
  }
  void expect_same_bits(const Tensor<T>& a, const Tensor<T>& b, const std::string& what) {
    const std::string difference = bit_difference(a, b);
    if (!difference.empty()) complain("other bits when run again, ", what, " ", difference);
  }
  // Equal up to rounding in numbers as large as `scale`.
  void expect_close(const Tensor<T>& a, const Tensor<T>& b, double scale, const std::string& what) {
    const double allowed = 1024 * static_cast<double>(std::numeric_limits<T>::epsilon()) * scale;
    for (Index k = 0; k < a.numel(); ++k) {
      const double x = static_cast<double>(a.data()[k]), y = static_cast<double>(b.data()[k]);
      if (x == y || std::abs(x - y) <= allowed) continue;
      complain(what, " at ", position_text(k, a.shape()), " is ", x, ", expected ", y);
      return;
    }
  }

  const OpRun<T>& run_;
  GradReport& report_;
};

}  // namespace hooked::testing
