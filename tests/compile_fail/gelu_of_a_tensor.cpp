// expect: gelu takes a Variable: tape.constant_copy.x. makes one
#include "hooked/autograd/functions.hpp"
#include "hooked/autograd/not_for_variables.hpp"

using namespace hooked;

void f(const Tensor<float>& x) { gelu(x); }
