// expect: will be destroyed|only clang sees it
#include "hooked/core/tensor.hpp"

#ifdef __clang__
#pragma clang diagnostic error "-Wdangling"
#pragma clang diagnostic error "-Wdangling-gsl"
#else
#error "only clang sees it"
#endif

using namespace hooked;

Tensor<float> make();

// The numbers are gone before the view is used.
float f() {
  const View<const float> x = make().select(0, 0);
  return x(0);
}
