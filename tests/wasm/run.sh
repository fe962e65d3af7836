#!/usr/bin/env bash
# run.sh headers|numbers SOURCE WORK NATIVE FOLDER...: em++ compiles every header, or numbers.cpp,
# which in Node gives the numbers of the native program NATIVE. Eigen and nlohmann/json are in one
# of the folders, and what is generated goes to WORK.
set -euo pipefail
what=$1 source=$2 work=$3 native=$4
shift 4
rm -rf "$work"
mkdir -p "$work/include"

# Links, for a folder of the system's own headers would hide those of em++.
for name in Eigen nlohmann; do
  for folder in "$@"; do
    if [ -d "$folder/$name" ]; then ln -sfn "$folder/$name" "$work/include/$name"; fi
  done
done
compile() { # compile ARGUMENT...
  em++ -std=c++20 -fexceptions -DEIGEN_DONT_PARALLELIZE -DEIGEN_STACK_ALLOCATION_LIMIT=2097152 \
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror \
    -I "$source/include" -isystem "$work/include" "$@"
}

if [ "$what" = headers ]; then
  (cd "$source/include" && find hooked -name '*.hpp') | sort | sed 's/.*/#include "&"/' \
    >"$work/headers.cpp"
  compile -fsyntax-only "$work/headers.cpp"
  exit
fi

# One file (Node's fetch finds no other), and a stack for Eigen's buffers, as of the pool's threads.
compile -O1 -sALLOW_MEMORY_GROWTH -sTOTAL_STACK=8MB -sSINGLE_FILE \
  "$source/tests/wasm/numbers.cpp" -o "$work/numbers.js"
"$native" >"$work/native.txt"
node "$work/numbers.js" >"$work/wasm.txt"
compare() { python3 "$source/tests/wasm/compare.py" "$work/native.txt" "$1"; }
compare "$work/wasm.txt"

# The comparison itself sees one wrong number, and one that is missing.
sed '2s/ 1 / 1.0001 /' "$work/wasm.txt" >"$work/wrong.txt"
sed '2s/ 1 / /' "$work/wasm.txt" >"$work/missing.txt"
for planted in wrong missing; do
  if compare "$work/$planted.txt" >"$work/log"; then
    echo "the comparison does not see what is $planted"
    exit 1
  fi
done
