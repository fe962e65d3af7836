// Products and column sums.
#include "hooked/core/masked_product.hpp"
#include "hooked/core/product.hpp"
#include "hooked/core/sparse_product.hpp"

namespace hooked {

#define HOOKED_INSTANTIATE(T)                                                                    \
  template void tile_product(Strided<const T>, const T*, Index, const TileTarget<T>&, Index,     \
                             Index, Index);                                                      \
  template void detail::product(Strided<const T>, Strided<const T>, const TileTarget<T>&, Index, \
                                Index, Index);                                                   \
  template void detail::sparse_product(Strided<const T>, Strided<const T>, const TileTarget<T>&, \
                                       Index, Index, Index);                                     \
  template void masked_product<T>(MatrixMap<const T>, MatrixMap<const T>, MatrixMap<const T>,    \
                                  bool, MatrixMap<T>);                                           \
  template void column_sums<T>(MatrixMap<const T>, bool, MatrixMap<T>);
HOOKED_INSTANTIATE(float)
HOOKED_INSTANTIATE(double)

}  // namespace hooked
#undef HOOKED_INSTANTIATE
