// expect: record: more inputs than an op may have
#include "hooked/autograd/record.hpp"

using namespace hooked;

struct Wide : Add {
  static constexpr int inputs = 9;
};

Variable<float> f(Variable<float> x) { return record<Wide>({}, x, x, x, x, x, x, x, x, x); }
