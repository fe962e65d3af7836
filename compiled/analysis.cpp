// What analysis code uses: einsum, svd and qr, tensors as text.
#include "hooked/core/einsum.hpp"
#include "hooked/core/print.hpp"
#include "hooked/core/qr.hpp"
#include "hooked/core/svd.hpp"

namespace hooked::detail {

template Tensor<float> einsum(std::string_view, const std::vector<View<const float>>&);
template Tensor<double> einsum(std::string_view, const std::vector<View<const double>>&);

template std::string printed(const char*, View<const float>, const PrintOptions&);
template std::string printed(const char*, View<const double>, const PrintOptions&);
template std::string printed(const char*, View<const std::int32_t>, const PrintOptions&);
template std::string printed(const char*, View<const Index>, const PrintOptions&);

template Svd<double> thin_svd(const Tensor<double>&);
template Qr<double> thin_qr(const Tensor<double>&);

}  // namespace hooked::detail
