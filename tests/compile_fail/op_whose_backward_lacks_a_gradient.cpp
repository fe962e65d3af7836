// expect: backward\(\) of an op takes its Args, .* and an Acc<T> for each input
#include "hooked/autograd/record.hpp"

using namespace hooked;

// The gradient of b has no place to go to.
struct Forgetful : Add {
  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T>, View<const T> dy,
                       Acc<T> da) {
    da.add(dy);
  }
};

Variable<float> f(Variable<float> x) { return record<Forgetful>({}, x, x); }
