// Analyses of models.
#include "hooked/interp/collect.hpp"
#include "hooked/interp/patching.hpp"
#include "hooked/interp/sweep.hpp"

namespace hooked {

#define HOOKED_INSTANTIATE(T)                                                                      \
  template CachedRun<T> collect_at(const Transformer<T>&, View<const Token>, Token,                \
                                   const std::vector<std::string>&, const std::vector<Hook<T>>&,   \
                                   int);                                                           \
  template Tensor<T> logits_with(const Transformer<T>&, View<const Token>, Token,                  \
                                 const std::string&, View<const T>, int);                          \
  template Tensor<T> activations(const Transformer<T>&, const std::string&, View<const Token>);    \
  template Tensor<T> sweep(const Transformer<T>&, View<const Token>, const std::string&,           \
                           const std::vector<Place>&, const ActivationCache<T>&, const Metric<T>&, \
                           const SweepOptions&);                                                   \
  template Tensor<T> patch_resid_pre(const Transformer<T>&, View<const Token>, View<const Token>,  \
                                     const Metric<T>&, const SweepOptions&);
HOOKED_INSTANTIATE(float)
HOOKED_INSTANTIATE(double)

}  // namespace hooked
#undef HOOKED_INSTANTIATE
