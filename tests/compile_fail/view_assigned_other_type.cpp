// expect: operator=|overloaded .=
#include "hooked/core/tensor.hpp"

using namespace hooked;

// Between float and double nothing is converted unsaid.
void f(Tensor<float>& x, const Tensor<double>& y) { x.select(0, 1) = y.select(0, 0); }
