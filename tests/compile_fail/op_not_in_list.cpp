// expect: this op is not in the list of ops
#include "hooked/autograd/record.hpp"

using namespace hooked;

// Complete, but neither in ops/ops.hpp nor UserDefined: no test would walk over it.
struct Unlisted : Relu {};

Variable<float> f(Variable<float> x) { return record<Unlisted>({}, x); }
