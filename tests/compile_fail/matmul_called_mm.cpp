// expect: mm is matmul.a, b. here
#include "hooked/core/not_here.hpp"

using namespace hooked;

void f(const Tensor<float>& x) { mm(x, x.transpose()); }
