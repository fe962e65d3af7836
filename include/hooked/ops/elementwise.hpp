// The frame of an elementwise function with settings of its own: y = f(x), dx = dy f'(x), where the
// slope is told by x and y. The functions have files of their own (exp.hpp, clamp.hpp, ...).
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

/// `Function` has `name`, `Args`, `value(args, x)` and `slope(args, x, y)`, which take and give a
/// Packet<T>, told T by their first template argument, and `samples<List>()`, told the list so that
/// programs that test nothing do not compile it.
template <class Function>
struct Elementwise {
  static constexpr std::string_view name = Function::name;
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  using Args = typename Function::Args;

  /// [...] -> [...]
  static Shape shape(const Args&, const Shape& x) { return x; }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y) {
    map_views(
        y, [&](const Packet<T>& v) { return Function::template value<T>(args, v); }, x);
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T> y, View<const T> dy,
                       Acc<T> dx) {
    const auto slope = [&](const Packet<T>& d, const Packet<T>& v, const Packet<T>& f) {
      return Packet<T>(Eigen::internal::pmul(d, Function::template slope<T>(args, v, f)));
    };
    dx.add_map(slope, dy, x, y);
  }

  static std::vector<Sample<Args>> samples() {
    return Function::template samples<std::vector<Sample<Args>>>();
  }
};

}  // namespace hooked
