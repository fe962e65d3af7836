#include <hooked/hooked.hpp>
#include <iostream>

int main() {
  const hooked::Tensor<float> x({2, 2}, {1, 2, 3, 4});
  const auto squared = hooked::einsum("ij,jk->ik", x, x);
  std::cout << "hooked " << hooked::library_version << ": " << squared << '\n';
  return squared(0, 0) == 7 && squared(1, 1) == 22 ? 0 : 1;
}
