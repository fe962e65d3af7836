#!/usr/bin/env bash
# add_concat.sh PROGRAM: what the study's program refuses, with one line on standard error and exit
# status 1; and that a small model with every kind of autoencoder goes through all analyses. It learns
# nothing, so that it has nothing to remove: ways to do that are in add_concat_analysis_test.cpp.
set -uo pipefail
program=$1
. "$(dirname "$0")/refuses.sh"

refuses "lambda is -0.1, it must be at least 0" --lambda -0.1 --out "$folder/none"
refuses "alpha is -1, it must be at least 0" --alpha -1 --out "$folder/none"
refuses "weight_decay is -1, it must be at least 0" --weight-decay -1 --out "$folder/none"
refuses "d_model is 30, it must be a multiple of 4" --d-model 30 --out "$folder/none"
refuses "d_model is 0, it must be a multiple of 4" --d-model 0 --out "$folder/none"
refuses "d_sae is 0, it must be at least 1" --d-sae 0 --out "$folder/none"
refuses "epochs is 0, it must be at least 1" --epochs 0 --out "$folder/none"
refuses "batch_size is 6001, it must be at most the number of training items, 6000" \
  --batch-size 6001 --out "$folder/none"
refuses "lr is 0 and last_lr is" --lr 0 --out "$folder/none"
refuses "jumprelu not in {standard,topk,gated}" --architecture jumprelu --out "$folder/none"
refuses "k is 3, but only topk has one" --k 3 --out "$folder/none"
refuses "k is 0, of topk it must be from 1 to d_sae, 8" --architecture topk --d-sae 8 --lambda 0 \
  --out "$folder/none"
refuses "lambda is 0.1, but topk has k in its place" --architecture topk --k 3 --lambda 0.1 \
  --out "$folder/none"
refuses "excludes --" --out "$folder/none" --model "$folder" --resume
refuses "model.safetensors" --out "$folder/none" --model "$folder/none"

small=(--d-model 8 --d-sae 16 --epochs 1 --batch-size 1000 --threads 1)
for run in "--architecture gated" "--architecture topk --k 4 --lambda 0" "--alpha 0 --lambda 0"; do
  # shellcheck disable=SC2086
  if ! "$program" $run "${small[@]}" --out "$folder/out" >"$folder/said" 2>&1; then
    echo "$run fails: $(tail -n 1 "$folder/said")"
    failed=1
  fi
  cp "$folder/out/model.safetensors" "$folder" && rm -rf "$folder/out"
done

# The last model given: to be measured again, and where it cannot be.
"$program" "${small[@]}" --model "$folder" --out "$folder/given" >"$folder/said" 2>&1 ||
  { tail -n 1 "$folder/said"; failed=1; }
refuses "model.safetensors" --d-model 16 --d-sae 16 --model "$folder" --out "$folder/none"
exit $failed
