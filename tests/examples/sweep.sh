#!/usr/bin/env bash
# sweep.sh SWEEP EXAMPLE [MPIEXEC]: runs the example file, runs that fail, sweeps that are broken off
# and files with mistakes; with MPIEXEC, the same again on two ranks.
set -uo pipefail
program=$1 example=$2 mpiexec=${3-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export OMPI_MCA_btl_vader_single_copy_mechanism=none
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

complain() {
  echo "$*"
  failed=1
}

# A summary without the seconds.
rows() {
  python3 -c 'import csv, sys
for row in csv.DictReader(open(sys.argv[1])):
    row.pop("seconds")
    print(row)' "$1/summary.csv"
}

# The example: attention alone against the whole model, two learning rates, two seeds.
"$program" "$example" --out "$folder/example" --threads 1 >"$folder/said" ||
  complain "the example fails: $(cat "$folder/said")"
expected="run,attn_only,lr,seed,steps taken,seconds,train accuracy,test accuracy,train loss,test loss,status,error"
[ "$(head -n 1 "$folder/example/summary.csv")" = "$expected" ] || complain "other columns"
[ "$(grep -c ',200,[0-9.e-]*,.*,done,$' "$folder/example/summary.csv")" = 8 ] ||
  complain "not eight runs of 200 steps: $(cat "$folder/example/summary.csv")"
grep -q '^run-005,1.0,0.003,1,200,' "$folder/example/summary.csv" || complain "another order of runs"

# Runs that fail, each in its own way, beside runs that do not.
cat >"$folder/failing.json" <<'JSON'
{
  "study": "maximum",
  "choices": {"p": 4, "length": 2, "training_fraction": 0.5, "d_model": 8, "steps": 20},
  "grids": [{"n_heads": [2, 0], "lr": [0.01, 1e300]}, {"steps": [2.5]}]
}
JSON
fails() { # fails COMMAND...: some runs must fail
  "$@" "$folder/failing.json" --out "$folder/failing" --threads 1 >"$folder/said"
  [ $? = 2 ] || complain "no exit status 2 when runs fail: $(cat "$folder/said")"
  rows "$folder/failing" >"$folder/rows"
  for expected in "'run-000'.*'done', 'error': ''" \
    "'run-001'.*'failed', 'error': 'training stopped in step .*: the loss is nan" \
    "'run-002'.*'failed', 'error': 'n_heads is 0, it must be at least 1'" \
    "'run-004'.*'failed', 'error': 'steps is 2.5, it must be a whole number'"; do
    grep -q "$expected" "$folder/rows" || complain "no '$expected' in: $(cat "$folder/rows")"
  done
}
fails "$program"

# Broken off: a run that is done stays, one without a result is done again, to the same bits.
cp -r "$folder/example" "$folder/broken"
rm -r "$folder/broken/run-003" "$folder/broken/run-006/result.json" "$folder/broken/summary.csv"
touch -d 2000-01-01 "$folder/broken/run-000/model.safetensors"
"$program" "$example" --out "$folder/broken" --resume >"$folder/said" ||
  complain "a broken sweep does not go on: $(cat "$folder/said")"
diff <(rows "$folder/example") <(rows "$folder/broken") || failed=1
[ "$folder/broken/run-000/model.safetensors" -ot "$example" ] || complain "a finished run was done again"
cmp "$folder"/{example,broken}/run-003/model.safetensors || failed=1

refuses() { # refuses TEXT FILE ARGUMENT...
  local expected=$1 output status
  shift
  output=$("$program" "$@" 2>&1 >/dev/null)
  status=$?
  if [ $status != 1 ] || [ "$(wc -l <<<"$output")" != 1 ] || [[ $output != *"$expected"* ]]; then
    complain "expected '$expected' and status 1, got status $status and: $output"
  fi
}
refuses "holds this sweep already: --resume goes on with it" "$example" --out "$folder/example"
refuses "holds another sweep" "$folder/failing.json" --out "$folder/example" --resume
refuses "cannot be read: No such file" "$folder/none.json" --out "$folder/none"
wrong() { # wrong TEXT JSON
  echo "$2" >"$folder/wrong.json"
  refuses "$1" "$folder/wrong.json" --out "$folder/none"
}
wrong 'not JSON at byte 11' '{"study": }'
wrong 'wrong.json: there is no "gird"; the nearest are: grids' '{"gird": {}}'
wrong 'there is no study "maximun"; the nearest are: maximum' '{"study": "maximun"}'
wrong 'maximum has no preset "quik"; the nearest are: quick' '{"study": "maximum", "preset": "quik"}'
wrong 'there is no choice "weight_deca"; the nearest are: weight_decay' \
  '{"study": "maximum", "choices": {"weight_deca": 4}}'
wrong 'there is no choice "learning_rate"; the nearest are: ' \
  '{"study": "maximum", "grids": [{"learning_rate": [1]}]}'
wrong 'a grid: "lr" must be a list of numbers or words, found 0.1' '{"study": "maximum", "grids": [{"lr": 0.1}]}'
wrong 'lr is "high", it must be a number' \
  '{"study": "maximum", "choices": {"lr": "high"}}'
wrong 'study must be a name, found 1' '{"study": 1}'
wrong 'seeds must be a list of whole numbers from 0, found [-1]' '{"study": "maximum", "seeds": [-1]}'
[ -e "$folder/none" ] && complain "a refused sweep made its folder"

if [ -n "$mpiexec" ]; then
  "$mpiexec" -n 2 "$program" "$example" --out "$folder/ranks" --threads 1 >"$folder/said" ||
    complain "the example fails on two ranks: $(cat "$folder/said")"
  diff <(rows "$folder/example") <(rows "$folder/ranks") || failed=1
  for run in "$folder"/example/run-*; do
    cmp "$run/model.safetensors" "$folder/ranks/${run##*/}/model.safetensors" || failed=1
  done
  mv "$folder/failing" "$folder/failing-alone"
  fails "$mpiexec" -n 2 "$program" 2>/dev/null
  diff <(rows "$folder/failing-alone") <(rows "$folder/failing") || failed=1
fi
exit $failed
