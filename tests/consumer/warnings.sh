#!/usr/bin/env bash
# warnings.sh SOURCE some|all FLAG...: what a consumer compiles of the library at SOURCE with its own
# warnings on says nothing at all, not even about std and Eigen where our code uses them. The flags
# make system headers of Eigen and nlohmann/json, as CMake does with imported targets: Eigen by -I
# prints warnings of its own (-Wsign-conversion of clang++). Ours come by -I and by -isystem.
#
# some: what the front ends say of every header, and two programs optimised by $CXX. all: every program
# by g++ and clang++ at -O0, -O2 and -O3, for any processor and for this one.
set -euo pipefail
cd "$1"
which=$2
shift 2
export warnings="-std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -DEIGEN_DONT_PARALLELIZE \
  -DEIGEN_STACK_ALLOCATION_LIMIT=2097152 $*"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every header but those of MPI, which need mpi.h.
headers=$work/headers.cpp
find include/hooked -name '*.hpp' ! -name 'mpi_*' | sort | sed 's|include/\(.*\)|#include <\1>|' >"$headers"

check() { # check FLAG...: one line, and before it what the compiler says
  local said
  said=$("$@" $warnings -o /dev/null 2>&1) && [ -z "$said" ] && echo "quiet: $*" && return
  printf '%s\nspeaks: %s\n' "$said" "$*"
  return 1
}
export -f check

# Decompositions, files, einsum: what the library compiled once is made of, in one unit.
analysis=$work/analysis.cpp
cat compiled/{analysis,eig,eigh,lstsq,files,json}.cpp >"$analysis"

cases() {
  local cxx program level processor
  if [ "$which" = some ]; then
    for cxx in "$CXX" clang++; do
      if command -v "$cxx" >/dev/null; then echo "$cxx -fsyntax-only -Iinclude $headers"; fi
    done
    echo "$CXX -O2 -march=native -Iinclude -c compiled/analysis.cpp"
    echo "$CXX -O3 -Iinclude -c examples/quickstart.cpp"
    return
  fi
  for cxx in g++ clang++; do
    echo "$cxx -fsyntax-only -Iinclude $headers"
    for level in -O3 -O2 -O0; do
      for processor in "" " -march=native"; do
        for program in examples/quickstart.cpp examples/own_model/sparse_autoencoder.cpp "$analysis"; do
          echo "$cxx $level$processor -Iinclude -c $program"
        done
        echo "$cxx $level$processor -isysteminclude -c $analysis"
      done
    done
  done
}

cases | xargs -P "${CMAKE_BUILD_PARALLEL_LEVEL:-1}" -I{} bash -c 'check {}' ||
  { echo "warnings: a consumer sees these" >&2; exit 1; }
