# Every dependency comes from the system where it is installed, and otherwise from its authors'
# release archive, pinned by hash.
include(FetchContent)

# Fetches a header-only library and gives it the target that its own package would have. Its own
# CMake code does not run: SOURCE_SUBDIR names a folder that is not there.
function(hooked_fetch_headers name target include_dir url sha256)
  message(STATUS "${name} is not installed: fetching ${url}")
  FetchContent_Declare(${name} URL ${url} URL_HASH SHA256=${sha256} SOURCE_SUBDIR headers-only)
  FetchContent_MakeAvailable(${name})
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE ${${name}_SOURCE_DIR}/${include_dir})
endfunction()

find_package(Threads REQUIRED)
if(HOOKED_USE_BLAS)
  find_package(BLAS REQUIRED)
endif()
if(HOOKED_WITH_MPI)
  find_package(MPI REQUIRED COMPONENTS CXX)
endif()

# No version is asked for: Eigen's package files refuse a newer major version.
find_package(Eigen3 CONFIG QUIET)
if(NOT TARGET Eigen3::Eigen)
  hooked_fetch_headers(eigen Eigen3::Eigen .
    https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.bz2
    b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626)
elseif(Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "hooked needs Eigen 3.4 or newer, but ${Eigen3_DIR} holds ${Eigen3_VERSION}")
endif()

find_package(nlohmann_json 3.10 CONFIG QUIET)
if(NOT TARGET nlohmann_json::nlohmann_json)
  hooked_fetch_headers(json nlohmann_json::nlohmann_json include
    https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
    d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d)
endif()

if(HOOKED_BUILD_TESTS)
  find_package(Catch2 CONFIG QUIET)
  if(NOT TARGET Catch2::Catch2)
    hooked_fetch_headers(catch2 Catch2::Catch2 single_include
      https://github.com/catchorg/Catch2/archive/refs/tags/v2.13.10.tar.gz
      d54a712b7b1d7708bc7a819a8e6e47b2fde9536f487b89ccbca295072a7d9943)
  endif()
endif()

if(HOOKED_BUILD_EXAMPLES)
  find_package(CLI11 CONFIG QUIET)
  if(NOT TARGET CLI11::CLI11)
    hooked_fetch_headers(cli11 CLI11::CLI11 include
      https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
      f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a)
  endif()
endif()

if(HOOKED_BUILD_BENCH)
  find_package(benchmark CONFIG QUIET)
  if(NOT TARGET benchmark::benchmark)
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    FetchContent_Declare(benchmark
      URL https://github.com/google/benchmark/archive/refs/tags/v1.8.4.tar.gz
      URL_HASH SHA256=3e7059b6b11fb1bbe28e33e02519398ca94c1818874ebed18e504dc6f709be45)
    FetchContent_MakeAvailable(benchmark)
  endif()
endif()
