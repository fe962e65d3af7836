// scale: y = c x with a fixed number c. Backward: dx = c dy.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Scale {
  static constexpr std::string_view name = "scale";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {
    double factor = 1.0;  ///< a fixed number
  };

  /// [...] -> [...]
  static Shape shape(const Args&, const Shape& x) { return x; }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y) {
    map_views(y, times<T>(args), x);
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T>, View<const T>, View<const T> dy,
                       Acc<T> dx) {
    dx.add_map(times<T>(args), dy);
  }

  static std::vector<Sample<Args>> samples() { return {{{2.5}, {{3, 4}}}, {{-1.0}, {{2, 3, 5}}}}; }

 private:
  template <Scalar T>
  static auto times(const Args& args) {
    return [factor = splat(static_cast<T>(args.factor))](const Packet<T>& v) {
      return Eigen::internal::pmul(v, factor);
    };
  }
};

}  // namespace hooked
