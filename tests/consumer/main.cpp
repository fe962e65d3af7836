#include <hooked/hooked.hpp>

#include <iostream>

int main() {
  std::cout << "hooked " << hooked::library_version << '\n';
  return hooked::library_version.empty() ? 1 : 0;
}
