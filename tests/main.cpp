// Catch2 2.13 has no library to take main() from; version 3 has one, and this file stays out.
#define CATCH_CONFIG_MAIN
#include "catch.hpp"
