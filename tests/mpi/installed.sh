#!/usr/bin/env bash
# installed.sh SOURCE WORK: what was installed with MPI finds MPI where it is used. WORK is emptied.
set -euo pipefail
source=$1 work=$2
rm -rf "$work"
cmake -S "$source" -B "$work/hooked" -G Ninja -D HOOKED_WITH_MPI=ON -D HOOKED_BUILD_TESTS=OFF \
  -D HOOKED_BUILD_EXAMPLES=OFF -D HOOKED_BUILD_COMPILED=OFF -D CMAKE_INSTALL_PREFIX="$work/prefix"
cmake --install "$work/hooked"
cmake -S "$source/tests/mpi/installed" -B "$work/build" -G Ninja \
  -D CMAKE_PREFIX_PATH="$work/prefix"
cmake --build "$work/build"
"$work/build/consumer"
