// expect: tensors of two element types: make them one, as in cast<float>.x. . y
#include "hooked/core/arithmetic.hpp"

using namespace hooked;

auto f(const Tensor<float>& x, const Tensor<double>& y) { return x + y; }
