#include "hooked/core/lstsq.hpp"

template hooked::Lstsq<double> hooked::detail::least_squares(const hooked::Tensor<double>&,
                                                             const hooked::Tensor<double>&);
