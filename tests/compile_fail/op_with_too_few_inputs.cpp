// expect: wrong number of inputs for this op
#include "hooked/autograd/record.hpp"

using namespace hooked;

Variable<float> f(Variable<float> x) { return record<Add>({}, x); }
