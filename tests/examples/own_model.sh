#!/usr/bin/env bash
# own_model.sh PROGRAM [MPIEXEC]: a program of examples/own_model finds what it claims, and trains
# the same weights on one thread and on two, killed and resumed, and, with MPIEXEC, on two ranks.
set -euo pipefail

program=$1 mpiexec=${2-}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"

weights() { (cd "$1" && find . -name model.safetensors | sort | xargs cat) | cksum; }
same() { # same FOLDER WHAT
  [ "$(weights "$1")" = "$expected" ] || { echo "$2: other weights than on one thread"; exit 1; }
}

start=$(date +%s%N)
"$program" whole 1
milliseconds=$((($(date +%s%N) - start) / 1000000))
expected=$(weights whole)

# Killed two times on the way, at a third and at two thirds of the time, and taken up again.
for share in 3 2; do
  timeout -s KILL "$(awk "BEGIN { print $milliseconds / 1000 / $share }")" "$program" killed 2 || true
done
"$program" killed 2
same killed "two threads, killed and resumed"

if [ -n "$mpiexec" ]; then
  "$mpiexec" --allow-run-as-root --oversubscribe --bind-to none -n 2 "$program" ranks 1
  same ranks "two ranks"
fi
