// What the tests of patching run on.
#pragma once

#include "hooked/core/tensor.hpp"

namespace hooked {

/// [length] tokens below 10; another `step`, others.
inline Tensor<Token> sequence(Index length, Index step) {
  Tensor<Token> tokens({length});
  for (Index p = 0; p < length; ++p) tokens(p) = static_cast<Token>((p * step + p * p) % 10);
  return tokens;
}

}  // namespace hooked
