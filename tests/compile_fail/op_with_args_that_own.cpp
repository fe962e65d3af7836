// expect: is_trivially_copyable_v
#include "hooked/autograd/record.hpp"

using namespace hooked;

// The tape's arena destroys nothing, so that settings must not own memory.
struct Owning : Relu {
  struct Args {
    std::vector<Token> labels;
  };
};

Variable<float> f(Variable<float> x) { return record<Owning>({}, x); }
