// expect: const|discards qualifiers
#include "hooked/core/tensor.hpp"

using namespace hooked;

// reshape of a view is a copy: what is written to it would be lost. view_as writes to x.
void f(Tensor<float>& x) { x.select(0, 1).reshape({2, 2}).fill(0); }
