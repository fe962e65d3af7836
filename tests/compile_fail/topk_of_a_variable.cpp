// expect: topk takes a tensor: of a Variable dense.x..value..
#include "hooked/autograd/not_for_variables.hpp"
#include "hooked/core/select.hpp"

using namespace hooked;

auto f(Variable<float> x) { return topk(x, 3); }
