// expect: a fraction beside a tensor of integers: say cast<float>.x. first
#include "hooked/core/in_place.hpp"

using namespace hooked;

void f(Tensor<Token>& x) { x *= 0.5; }
