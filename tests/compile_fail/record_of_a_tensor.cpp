// expect: inputs are Variables of one scalar; tape.constant\(x\) makes one of a tensor
#include "hooked/autograd/record.hpp"

using namespace hooked;

Variable<float> f(Variable<float> x, const Tensor<float>& y) { return record<Add>({}, x, y); }
