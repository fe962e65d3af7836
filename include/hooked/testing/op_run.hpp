// One sample of one op, run in memory of its own.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "hooked/ops/op.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/any_op.hpp"

namespace hooked::testing {

/// Random inputs for a sample, a random cotangent dy, and what the op makes of them.
template <Scalar T>
class OpRun {
 public:
  /// One for each input.
  using Tensors = std::vector<Tensor<T>>;
  /// What forward wrote.
  struct Forward {
    Tensor<T> y, saved;  ///< the output, and what backward needs
  };

  /// `op` must outlive this object.
  OpRun(const AnyOp<T>& op, std::size_t sample)
      : op_(op),
        sample_(sample),
        x_(random_tensors<T>(op.cases[sample].inputs, text(op.name, " ", sample),
                             op.cases[sample].scale, op.cases[sample].shift)),
        forward_(run_forward(x_)),
        dy_(random_tensors<T>({forward_.y.shape()}, "cotangent")[0]),
        gradients_(run_backward(forward_, dy_)) {}

  /// The op that was run.
  const AnyOp<T>& op() const { return op_; }
  /// "linear (double), sample 1"
  std::string label() const {
    return text(op_.name, sizeof(T) == sizeof(float) ? " (float)" : " (double)", ", sample ",
                sample_);
  }
  /// The inputs.
  const Tensors& x() const { return x_; }
  /// What forward made of them.
  const Forward& forward() const { return forward_; }
  /// The output.
  const Tensor<T>& y() const { return forward_.y; }
  /// The random cotangent.
  const Tensor<T>& dy() const { return dy_; }
  /// J^T dy, one for each input; zeros where the op added nothing.
  const Tensors& gradients() const { return gradients_; }

  /// Runs forward with outputs and scratch that hold `poison`.
  Forward run_forward(const Tensors& x, T poison = kNaN) const {
    return run_forward(views(x), poison);
  }
  Forward run_forward(const typename AnyOp<T>::Views& x, T poison = kNaN) const {
    std::vector<Shape> shapes;
    for (const auto& view : x) shapes.push_back(view.shape());
    Forward out{Tensor<T>(op_.shape(sample_, shapes), poison),
                Tensor<T>(op_.saved(sample_, shapes), poison)};
    op_.forward(sample_, x, out.y, out.saved);
    return out;
  }

  /// Runs backward `times` times on the inputs of this run, as run_backward below.
  Tensors run_backward(const Forward& forward, const Tensor<T>& dy, int times = 1) const {
    return run_backward(x_, forward, dy, -1, times);
  }
  /// Runs backward into gradients that nobody has touched and that hold NaN.
  /// `only` >= 0 asks for the gradient of that input alone.
  Tensors run_backward(const Tensors& x, const Forward& forward, const Tensor<T>& dy, int only = -1,
                       int times = 1) const {
    struct Gradient {
      Tensor<T> numbers;
      bool touched = false;
    };
    std::vector<Gradient> gradients(x.size());
    std::vector<Acc<T>> accs;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (only >= 0 && static_cast<std::size_t>(only) != i) {
        accs.emplace_back();
        continue;
      }
      gradients[i].numbers = Tensor<T>(x[i].shape(), kNaN);
      accs.emplace_back(gradients[i].numbers.view(), &gradients[i].touched);
    }
    for (int k = 0; k < times; ++k) {
      op_.backward(sample_, views(x), forward.y, forward.saved, dy, accs);
    }
    Tensors result;
    for (Gradient& gradient : gradients) {
      if (!gradient.touched) gradient.numbers.fill(T(0));
      result.push_back(std::move(gradient.numbers));
    }
    return result;
  }

  /// Runs forward with another view of input `i`.
  Forward run_forward_with(std::size_t i, View<const T> view) const {
    auto x = views(x_);
    x[i] = view;
    return run_forward(x);
  }
  /// Runs backward with other views of input `i` and of its gradient, the only one that is wanted;
  /// false when the op added nothing.
  bool run_backward_with(std::size_t i, View<const T> view, View<T> gradient,
                         const Forward& forward) const {
    auto x = views(x_);
    x[i] = view;
    std::vector<Acc<T>> accs;
    bool touched = false;
    for (std::size_t k = 0; k < x.size(); ++k) {
      accs.push_back(k == i ? Acc<T>(gradient, &touched) : Acc<T>());
    }
    op_.backward(sample_, x, forward.y, forward.saved, dy_, accs);
    return touched;
  }

  /// Heap calls of one forward and one backward, all gradients wanted; 0 where nobody counts.
  long heap_calls() const {
    const auto x = views(x_);
    Tensor<T> y(forward_.y.shape()), saved(forward_.saved.shape());
    Tensors gradients = x_;
    std::vector<Acc<T>> accs;
    bool touched = true;
    for (auto& gradient : gradients) accs.emplace_back(gradient.view(), &touched);
    const AllocGuard guard;
    op_.forward(sample_, x, y, saved);
    op_.backward(sample_, x, y, saved, dy_, accs);
    return guard.calls();
  }

  /// What outputs hold before they are written.
  static constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();

 private:
  static typename AnyOp<T>::Views views(const Tensors& x) { return {x.begin(), x.end()}; }

  const AnyOp<T>& op_;
  std::size_t sample_;
  Tensors x_;
  Forward forward_;
  Tensor<T> dy_;
  Tensors gradients_;
};

}  // namespace hooked::testing
