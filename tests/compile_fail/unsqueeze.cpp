// expect: unsqueeze is x.reshape
#include "hooked/core/not_here.hpp"

using namespace hooked;

void f(View<const float> x) { unsqueeze(x, 0); }
