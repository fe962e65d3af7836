#include "hooked/core/eigh.hpp"

template hooked::Eigh<double> hooked::detail::symmetric_eigen_pairs(const hooked::Tensor<double>&);
