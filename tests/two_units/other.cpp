#include <hooked/hooked.hpp>

std::string_view version_of_the_other_unit();

std::string_view version_of_the_other_unit() { return hooked::library_version; }
