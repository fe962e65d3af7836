// expect: operator=|overloaded .=
#include "hooked/core/tensor.hpp"

using namespace hooked;

// One number for all of a view: x.select(0, 1).fill(3).
void f(Tensor<float>& x) { x.select(0, 1) = 3.0F; }
