// sum: y = c sum(x) over all elements, a scalar; with c = 1/n the mean. Added up in double, also
// for float. Backward: dx = c dy everywhere.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Sum {
  static constexpr std::string_view name = "sum";
  static constexpr int inputs = 1;
  struct Args {
    double factor = 1.0;  ///< of the sum: 1 / n is the mean
  };

  /// [...] -> []
  static Shape shape(const Args&, const Shape&) { return {}; }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y) {
    y.item() = static_cast<T>(args.factor * x.array().template cast<double>().sum());
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T>, View<const T> dy,
                       Acc<T> dx) {
    const T slope = static_cast<T>(args.factor) * dy.item();
    dx.add_map([slope = splat(slope)](const Packet<T>&) { return slope; }, x);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{1.0 / 30}, {{2, 3, 5}}}, {{}, {{1}}}};
  }
};

}  // namespace hooked
