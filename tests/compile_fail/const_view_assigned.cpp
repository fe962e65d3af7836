// expect: operator=|overloaded .=
#include "hooked/core/tensor.hpp"

using namespace hooked;

// A view that only reads takes no numbers, and it would be gone before it could look elsewhere.
void f(const Tensor<float>& x, const Tensor<float>& y) { x.select(0, 0) = y.select(0, 1); }
