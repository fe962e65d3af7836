// expect: deleted
#include "hooked/core/tensor.hpp"

using namespace hooked;

// The tensor that reshape makes is gone at the end of the line. view_as looks at what x looks at.
void f(View<const float> x) { x = x.reshape({2, 2}); }
