// expect: O::samples\(\)
#include "hooked/testing/gradcheck.hpp"

using namespace hooked;

// An op that nobody can test: it lacks samples().
struct Untested {
  static constexpr std::string_view name = "untested";
  static constexpr int inputs = 1;
  struct Args {};
  static Shape shape(const Args&, const Shape& x) { return x; }
  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    y.array() = x.array();
  }
  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T> dy, Acc<T> dx) {
    dx.array() += dy.array();
  }
};

const auto checked = testing::check_op<Untested>();
