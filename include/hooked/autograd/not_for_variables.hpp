// Told in one line at compile time: a Variable where only a tensor will do, and the other way
// round.
#pragma once

#include "hooked/autograd/variable.hpp"
#include "hooked/core/arithmetic.hpp"

namespace hooked {

// Functions of tensors, which have no derivative here.
#define HOOKED_OF_TENSORS(function)                                                                \
  template <Scalar T, class... Rest>                                                               \
  void function(Variable<T>, const Rest&...) {                                                     \
    static_assert(detail::kNever<T>, #function " takes a tensor: of a Variable dense(x).value()"); \
  }
HOOKED_OF_TENSORS(map)
HOOKED_OF_TENSORS(topk)
HOOKED_OF_TENSORS(sort)
HOOKED_OF_TENSORS(argsort)
HOOKED_OF_TENSORS(argmax)
HOOKED_OF_TENSORS(argmin)
HOOKED_OF_TENSORS(svd)
HOOKED_OF_TENSORS(qr)
HOOKED_OF_TENSORS(eig)
HOOKED_OF_TENSORS(eigh)
HOOKED_OF_TENSORS(lstsq)
HOOKED_OF_TENSORS(max_norm)
#undef HOOKED_OF_TENSORS

// Functions of Variables, whose formulas are those of the ops.
#define HOOKED_OF_VARIABLES(function)                                              \
  template <TensorLike X, class... Rest>                                           \
  void function(const X&, const Rest&...) {                                        \
    static_assert(detail::kNever<X>,                                               \
                  #function " takes a Variable: tape.constant_copy(x) makes one"); \
  }
HOOKED_OF_VARIABLES(gelu)
HOOKED_OF_VARIABLES(gelu_new)
HOOKED_OF_VARIABLES(silu)
HOOKED_OF_VARIABLES(layer_norm)
HOOKED_OF_VARIABLES(linear)
#undef HOOKED_OF_VARIABLES

}  // namespace hooked
