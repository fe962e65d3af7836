#!/usr/bin/env bash
# order_statistics.sh PROGRAM: what the study's program refuses, with one line on standard error and
# exit status 1; and that a small model of every task goes through all analyses, with any length.
set -uo pipefail
program=$1
. "$(dirname "$0")/refuses.sh"

refuses "mean not in {max,median,sort}" --task mean --out "$folder/none"
refuses "length is 11, it must be from 2 to 10" --length 11 --out "$folder/none"
refuses "length is 1, it must be from 2 to 10" --length 1 --out "$folder/none"
refuses "values is 9, it must be from 10 to 10000" --values 9 --out "$folder/none"
refuses "of 20 values a fifth are small: they are no 5 distinct numbers" --values 20 --distinct 1 \
  --out "$folder/none"
refuses "distinct is 2, it must be 0 or 1" --distinct 2 --out "$folder/none"
refuses "n_heads is 3, it must divide d_model 128" --n-heads 3 --out "$folder/none"
refuses "n_layers is 0, it must be at least 1" --n-layers 0 --out "$folder/none"
refuses "examples is 0" --examples 0 --out "$folder/none"
refuses "often not in {plain,tuples,weights}" --rare often --out "$folder/none"

small=(--examples 2000 --steps 20 --d-model 16 --n-heads 2 --threads 1)
for run in "max --length 2 --rare weights" "median --length 6 --attn-only 1" \
  "median --length 3 --n-layers 2" "sort --length 10 --distinct 1" "sort --rare plain" "max --values 10"; do
  # shellcheck disable=SC2086
  if ! "$program" --task $run "${small[@]}" --out "$folder/${run// /_}" >"$folder/said" 2>&1; then
    echo "--task $run fails: $(tail -n 1 "$folder/said")"
    failed=1
  fi
done
exit $failed
