#!/usr/bin/env bash
# toy_study.sh PROGRAM COMMON: what is common to all studies, by the example of a small one: its
# files, its table, null models, runs that go on, what is refused, and the summary over seeds.
set -uo pipefail
program=$1 common=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

complain() {
  echo "$*"
  failed=1
}
refuses() { # refuses TEXT ARGUMENT...: one line on standard error, exit status 1
  local expected=$1 output status
  shift
  output=$("$program" "$@" 2>&1 >/dev/null)
  status=$?
  if [ "$status" != 1 ] || [ "$(wc -l <<<"$output")" != 1 ] || [[ $output != *"$expected"* ]]; then
    complain "expected '$expected' and status 1, got status $status and: $output"
  fi
}
number() { # number FILE EXPRESSION: of the JSON `it`
  python3 -c 'import json, sys; it = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"
}

# A run: findings first, then a table of what is judged.
"$program" --out "$folder/run" --threads 1 >"$folder/said" || complain "fails: $(cat "$folder/said")"
grep -q '^The model finds the larger number in [0-9.]*% of pairs\.$' "$folder/said" ||
  complain "no finding in: $(cat "$folder/said")"
grep -q '^accuracy .* | match$' "$folder/said" || complain "accuracy is not found"
grep -q '^is finite .* | not discriminating: untrained, dealt labels$' "$folder/said" ||
  complain "what null models pass counts: $(cat "$folder/said")"
grep -q '^1 more measurements' "$folder/said" || complain "no count of what is not judged"
for file in claims.json config.json metrics.csv model.safetensors run.json trajectory.json \
  figures/trajectory.json snapshots/step-00000000.safetensors snapshots/step-00000200.safetensors; do
  [ -e "$folder/run/$file" ] || complain "there is no $file"
done
[ "$(number "$folder/run/claims.json" '[c["counts"] for c in it]')" = '[True, False, False]' ] ||
  complain "other claims count: $(cat "$folder/run/claims.json")"
[ "$(number "$folder/run/claims.json" 'it[0]["nulls"][1]["measured"] < 60')" = True ] ||
  complain "the null model of dealt labels knows the task"
[ "$(number "$folder/run/trajectory.json" 'it["step"]')" = "$(seq -s ', ' 0 20 200 | sed 's/.*/[&]/')" ] ||
  complain "other snapshots"

# Once more: it is loaded, and measured to the same bits.
cp "$folder/run/claims.json" "$folder/claims.json"
"$program" --out "$folder/run" >"$folder/said" || complain "does not load: $(cat "$folder/said")"
grep -q 'holds this run already: loading it' "$folder/said" || complain "it trains again"
cmp "$folder/run/claims.json" "$folder/claims.json" || failed=1

# What is refused, by name.
refuses "holds another run: its seed is 0, asked for is 1" --out "$folder/run" --seed 1
refuses "holds another run: its steps is 200.0, asked for is 100.0" --out "$folder/run" --steps 100
refuses "--out is required" --seed 1
refuses "medium not in {quick,long}" --preset medium --out "$folder/none"
refuses "--steps: Failed parsing many as a FLOAT" --steps many --out "$folder/none"
refuses "steps is 2.5, it must be a whole number" --steps 2.5 --out "$folder/none"
refuses "training_fraction is 2" --training-fraction 2 --out "$folder/none"

# The model that a run left, given: the same measurements, but for what is of runs alone.
"$program" --model "$folder/run" --out "$folder/given" >/dev/null || complain "--model fails"
[ "$(number "$folder/given/claims.json" '[c["measured"] for c in it]')" = \
  "$(number "$folder/run/claims.json" '[c["measured"] for c in it]')" ] ||
  complain "a given model is measured otherwise"
refuses "holds a run: what is measured of" --model "$folder/run" --out "$folder/run"
refuses "config.json" --model "$folder" --out "$folder/none"

# Broken off twice, it goes on to the same bits, and says how long all of it took.
long=(--preset long --steps 4000 --threads 1)
stop() { # stop ARGUMENT...: ends the program soon after it has written a checkpoint
  "$program" "${long[@]}" --out "$folder/killed" "$@" >/dev/null 2>&1 &
  local pid=$!
  until [ -e "$folder/killed/checkpoint.safetensors" ] || ! kill -0 $pid 2>/dev/null; do
    sleep 0.01
  done
  sleep 0.1
  kill -KILL $pid
  wait $pid
} 2>/dev/null
"$program" "${long[@]}" --out "$folder/whole" >"$folder/said"
grep -q '^Note: is long$' "$folder/said" || complain "no warning of the preset"
stop
refuses "holds a run that was interrupted: --resume goes on with it" "${long[@]}" \
  --out "$folder/killed"
refuses "there seed is 0, in this run it is 3" "${long[@]}" --seed 3 --out "$folder/killed" --resume
refuses "there optimizer's settings is lr 0.003, weight_decay 0.1" "${long[@]}" --weight-decay 1 \
  --out "$folder/killed" --resume
stop --resume
before=$(number "$folder/killed/legs.json" 'it["seconds"]')
"$program" "${long[@]}" --out "$folder/killed" --resume >/dev/null || complain "does not go on"
for file in model.safetensors claims.json trajectory.json metrics.csv; do
  cmp "$folder/whole/$file" "$folder/killed/$file" || failed=1
done
[ "$(number "$folder/killed/run.json" "it['seconds'] > $before")" = True ] ||
  complain "the seconds are not of all legs: $(cat "$folder/killed/run.json"), before it $before"

# Three seeds summed up.
for seed in 0 1 2; do
  "$program" --seed $seed --out "$folder/seeds/quick-seed$seed" --threads 1 >/dev/null || failed=1
done
python3 - "$folder/seeds" "$common" <<'PY' || failed=1
import pathlib
import sys

sys.path.insert(0, sys.argv[2])
from results import (claims_over_seeds, counting, fisher, frequency, judged, null_passes, one_run, runs_of,
                     spread, verdict_grid)

runs = runs_of(pathlib.Path(sys.argv[1]), "quick")
assert [run.seed for run in runs] == [0, 1, 2]
assert judged(runs) == ["accuracy", "is finite"]
assert counting(runs) == ["accuracy"]
passes = null_passes(runs, "is finite")
assert passes["untrained"] == 3 and passes["dealt labels"] == 3, passes
rows = claims_over_seeds(runs, {"all": runs}).splitlines()
assert rows[0].startswith("| claim | unit | study says | all | untrained | dealt labels |"), rows[0]
assert rows[2].endswith("| 3 of 3 (44 to 100%) |"), rows[2]
assert "not discriminating: untrained passes with 3 of 3, dealt labels passes" in rows[3], rows[3]
grid = verdict_grid(runs).splitlines()
assert grid[0] == "| claim | 0 | 1 | 2 |" and grid[-1] == "| claims that hold | 1 | 1 | 1 |", grid
assert "not discriminating" in one_run(runs[0], runs)
assert abs(fisher(8, 10, 1, 6) - 400 / 11440) < 1e-12 and fisher(0, 5, 0, 9) == 1
assert frequency(7, 20) == "7 of 20 (18 to 57%)"
assert spread([3, 1, 2]) == "2 [1, 3]" and spread([None]) == "none"
PY
exit $failed
