#include <hooked/train/ranks.hpp>

#ifndef HOOKED_WITH_MPI
#error "The package was installed with MPI"
#endif

int main() {
  const auto ranks = hooked::Ranks::world();
  int version = 0, subversion = 0;
  MPI_Get_version(&version, &subversion);
  return version >= 3 && ranks.size() == 1 && ranks.agree([] { return true; }) ? 0 : 1;
}
