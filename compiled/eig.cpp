#include "hooked/core/eig.hpp"

template hooked::Eig hooked::detail::eigen_pairs(const hooked::Tensor<double>&);
