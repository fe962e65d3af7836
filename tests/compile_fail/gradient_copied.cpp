// expect: deleted
#include "hooked/ops/op.hpp"

using namespace hooked;

// Nor can one gradient be assigned to another.
void backward(Acc<float> da, Acc<float> db) { da.array() = db.array(); }
