#!/usr/bin/env bash
# What the study's program says to bad input: one line on standard error, exit status 1, no file.
set -uo pipefail
program=$1
. "$(dirname "$0")/refuses.sh"

refuses "--out is required" --preset quick
refuses "medium not in {quick,full}" --preset medium --out "$folder/run"
refuses "training_fraction is 1, it must be between 0 and 1" --training-fraction 1 --out "$folder/made"
refuses "initial_scale is 0, it must be above 0" --initial-scale 0 --out "$folder/made"
refuses "sign_weight is 0, it must be between 0 and 1" --sign-weight 0 --out "$folder/made"
refuses "not in range 0 to 256" --threads -3 --out "$folder/run"
refuses "-1 not in range" --seed -1 --out "$folder/run"
touch "$folder/file"
refuses "$folder/file/run: cannot be made: Not a directory" --out "$folder/file/run"
mkdir "$folder/other"
echo '{"study": "subtraction_sign", "preset": "quick", "seed": 7, "choices": {"epochs": 50}}' >"$folder/other/run.json"
refuses "holds another run: its seed is 7, asked for is 0" --out "$folder/other"
if [ -e "$folder/run" ]; then
  echo "a refused run made its folder"
  failed=1
fi
exit $failed
