#include <hooked/hooked.hpp>

#include <iostream>

int main() {
  std::cout << "hooked " << hooked::version << '\n';
  return hooked::version.empty() ? 1 : 0;
}
