// expect: no (match|viable overloaded).*=
#include "hooked/ops/op.hpp"

using namespace hooked;

// A gradient can only be added to: assigning would lose what other uses of x brought.
void backward(View<const float> dy, Acc<float> dx) { dx.array() = dy.array(); }
