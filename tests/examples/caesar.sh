#!/usr/bin/env bash
# caesar.sh PROGRAM: what the study's program refuses, with one line on standard error and exit
# status 1; and that a small model of every mode goes through all analyses.
set -uo pipefail
program=$1
. "$(dirname "$0")/refuses.sh"

# A text of twenty pages whose words differ, and some that will not do.
python3 - "$folder" <<'PY'
import itertools, pathlib, sys
folder = pathlib.Path(sys.argv[1])
words = ["".join(letters) for letters in itertools.product("aeiostn", repeat=3)]
(folder / "long.txt").write_text(" ".join(
    f"{words[i * i % 343]} {words[(7 * i) % 331]}: {words[i % 317]}." for i in range(2600)))
(folder / "short.txt").write_text("The cat and the dog.")
(folder / "empty.txt").write_text("")
(folder / "latin1.txt").write_bytes("caf\u00e9 au lait".encode("latin-1"))
(folder / "same.txt").write_text("ab" * 20000)
PY

refuses "brutal not in {easy,medium,hard}" --out "$folder/none" --mode brutal
refuses "empty.txt is empty" --out "$folder/none" --corpus "$folder/empty.txt"
refuses "cannot read the text" --out "$folder/none" --corpus "$folder/none.txt"
refuses "latin1.txt: byte 3 is not UTF-8" --out "$folder/none" --corpus "$folder/latin1.txt"
refuses "has 3 words of three letters, wanted are 100" --out "$folder/none" --corpus "$folder/short.txt"
refuses "the study's list has 100 words of three letters, wanted are 101" --out "$folder/none" --words 101
refuses "words is 1, it must be from 2 to 10000" --out "$folder/none" --words 1
refuses "has 20 characters of prose, hard mode needs at least 16000" --out "$folder/none" --mode hard --corpus "$folder/short.txt"
refuses "the text repeats itself" --out "$folder/none" --mode hard --corpus "$folder/same.txt" --sequences 1000
refuses "words is 50, but hard mode has slices of prose" --out "$folder/none" --mode hard --corpus "$folder/long.txt" --words 50
refuses "length is 30, it must be a multiple of 4 from 8 to 256" --out "$folder/none" --length 30
refuses "length is 4, it must be" --out "$folder/none" --length 4
refuses "epochs is 0" --out "$folder/none" --epochs 0
refuses "batch_size is 0" --out "$folder/none" --batch-size 0
refuses "batch_size is 512, it must be from 1 to the number of sequences, 100" --out "$folder/none" --sequences 100
refuses "d_model is 7, it must be even" --out "$folder/none" --d-model 7
refuses "attn_only is 2, it must be 0 or 1" --out "$folder/none" --attn-only 2
refuses "weight_decay is -1, it must be finite" --out "$folder/none" --weight-decay -1
refuses "--resume excludes --model" --out "$folder/none" --model "$folder" --resume
refuses "lr is 0 and last_lr is 0.0001" --out "$folder/none" --lr 0
refuses "config.json" --out "$folder/none" --model "$folder/none"

small=(--sequences 1000 --epochs 1 --batch-size 200 --threads 1)
for run in "--mode easy --words 5 --length 12" "--mode medium --corpus $folder/long.txt --words 150 --length 16" \
  "--mode easy --words 2 --length 8 --d-model 8 --attn-only 0" "--mode hard --corpus $folder/long.txt --length 16"; do
  # shellcheck disable=SC2086
  if ! "$program" $run "${small[@]}" --out "$folder/out" >"$folder/said" 2>&1; then
    echo "$run fails: $(tail -n 1 "$folder/said")"
    failed=1
  fi
  cp "$folder/out/config.json" "$folder/out/model.safetensors" "$folder" && rm -rf "$folder/out"
done

# The last model, of hard mode, given: to be measured again, and where it cannot be.
"$program" --mode hard --corpus "$folder/long.txt" --length 16 --model "$folder" --out "$folder/given" \
  >"$folder/said" 2>&1 || { tail -n 1 "$folder/said"; failed=1; }
refuses "n_ctx is 16, the study's model has 64" --out "$folder/none" --mode hard --corpus "$folder/long.txt" --length 64 \
  --model "$folder"
refuses "d_vocab is 36, the study's model has 27" --out "$folder/none" --model "$folder"
exit $failed
