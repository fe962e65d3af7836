// expect: svd takes a tensor: of a Variable dense.x..value..
#include "hooked/autograd/not_for_variables.hpp"
#include "hooked/core/svd.hpp"

using namespace hooked;

void f(Variable<double> x) { svd(x); }
