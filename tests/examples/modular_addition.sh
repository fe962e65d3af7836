#!/usr/bin/env bash
# What the study's program says to bad input: one line on standard error, exit status 1, no file. And
# that it runs to its end with few numbers and with other operations.
set -uo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

refuses() { # refuses TEXT ARGUMENT...
  local expected=$1 output status
  shift
  output=$("$program" "$@" --out "$folder/made" 2>&1 >/dev/null)
  status=$?
  if [ "$status" != 1 ] || [ "$(wc -l <<<"$output")" != 1 ] || [[ $output != *"$expected"* ]]; then
    printf 'expected "%s" and status 1, got status %s and:\n%s\n' "$expected" "$status" "$output"
    failed=1
  fi
}

refuses "p is 2, it must be from 3 to 512" --p 2
refuses "p is 1000, it must be from 3 to 512" --p 1000
refuses "p is 7.5, it must be a whole number" --p 7.5
refuses "multiply not in {add,subtract,x2_xy_y2}" --operation multiply
refuses "training_fraction is 0, it must be between 0 and 1" --training-fraction 0
refuses "training_fraction is 1, it must be between 0 and 1" --training-fraction 1
refuses "of the 9 pairs some must be for training and some for testing" --p 3 --training-fraction 0.1
refuses "d_model is 30, it must be a multiple of 4: there are four heads" --d-model 30
refuses "a run of 0 steps: it must have one" --steps 0
refuses "weight_decay is -1, it must be finite and cannot be negative" --weight-decay -1
refuses "lr is -0.1, it must be finite and cannot be negative" --lr -0.1

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
