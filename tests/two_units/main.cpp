#include <hooked/hooked.hpp>

std::string_view version_of_the_other_unit();

int main() { return version_of_the_other_unit() == hooked::library_version ? 0 : 1; }
