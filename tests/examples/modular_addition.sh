#!/usr/bin/env bash
# What the study's program says to bad input: one line on standard error, exit status 1, no file. And
# that it runs to its end with few numbers and with other operations.
set -uo pipefail
program=$1
. "$(dirname "$0")/refuses.sh"

refuses "p is 2, it must be from 3 to 512" --out "$folder/made" --p 2
refuses "p is 1000, it must be from 3 to 512" --out "$folder/made" --p 1000
refuses "p is 7.5, it must be a whole number" --out "$folder/made" --p 7.5
refuses "multiply not in {add,subtract,x2_xy_y2}" --out "$folder/made" --operation multiply
refuses "training_fraction is 0, it must be between 0 and 1" --out "$folder/made" --training-fraction 0
refuses "training_fraction is 1, it must be between 0 and 1" --out "$folder/made" --training-fraction 1
refuses "of the 9 pairs some must be for training and some for testing" --out "$folder/made" --p 3 --training-fraction 0.1
refuses "d_model is 30, it must be a multiple of 4: there are four heads" --out "$folder/made" --d-model 30
refuses "a run of 0 steps: it must have one" --out "$folder/made" --steps 0
refuses "weight_decay is -1, it must be finite and cannot be negative" --out "$folder/made" --weight-decay -1
refuses "lr is -0.1, it must be finite and cannot be negative" --out "$folder/made" --lr -0.1

for choices in "--p 3 --training-fraction 0.5" "--p 10 --operation subtract" "--p 7 --operation x2_xy_y2"; do
  # shellcheck disable=SC2086
  if ! "$program" --preset quick $choices --d-model 16 --steps 100 --out "$folder/run" --threads 1 \
    >"$folder/said" 2>&1 || ! grep -q '^Of [0-9]* claims, ' "$folder/said"; then
    printf 'fails with %s: %s\n' "$choices" "$(cat "$folder/said")"
    failed=1
  fi
  rm -rf "$folder/run"
done
exit $failed
