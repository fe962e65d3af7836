// expect: cat is concat
#include "hooked/core/not_here.hpp"

using namespace hooked;

void f(const Tensor<float>& x) { cat({x, x}, 0); }
