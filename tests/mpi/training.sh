#!/usr/bin/env bash
# training.sh MPI_TRAINING MPIEXEC: the same run on several numbers of ranks and threads ends with
# the same bits as without mpirun; accidents end the job, and say why.
set -uo pipefail
program=$1 mpiexec=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# More ranks than cores, as root in a container, in which processes may not read each other.
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export OMPI_MCA_btl_vader_single_copy_mechanism=none
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

job() { # job RANKS OUT [KEY=NUMBER...]
  local ranks=$1
  shift
  mkdir -p "$folder/$1"
  timeout 60 "$mpiexec" -n "$ranks" "$program" "$folder/$1" "${@:2}"
}

complain() {
  echo "$*"
  failed=1
}

# Whether all files of a job are those of the run without mpirun.
same() { # same RANKS OUT EXPECTED
  local rank
  diff -r "$folder/$3/run" "$folder/$2/run" || failed=1
  diff "$folder/$3/result.txt" "$folder/$2/result.txt" || failed=1
  for ((rank = 0; rank < $1; ++rank)); do
    cmp "$folder/$3/rank-0.safetensors" "$folder/$2/rank-$rank.safetensors" || failed=1
  done
}

for lanes in 5 3; do
  mkdir "$folder/alone-$lanes"
  "$program" "$folder/alone-$lanes" lanes=$lanes || complain "the run without mpirun fails"
done
for ranks in 1 2 4; do
  for threads in 1 2; do
    job $ranks ranks-$ranks-threads-$threads threads=$threads || complain "$ranks ranks fail"
    same $ranks ranks-$ranks-threads-$threads alone-5
  done
done
job 4 idle lanes=3 || complain "a run with fewer lanes than ranks fails"
same 4 idle alone-3
cmp -s "$folder"/alone-{5,3}/rank-0.safetensors && complain "lanes change no bit: nothing was compared"

# Hooks of the model: one lane, on rank 0.
for ranks in 1 3; do job $ranks hook-$ranks hook=1 || complain "a hook on $ranks ranks fails"; done
same 3 hook-3 hook-1

# Killed on 4 ranks, gone on with 2, killed again, finished on 1.
job 4 killed kill=5 2>/dev/null && complain "a rank was killed, and the job goes on"
job 2 killed resume=1 kill=10 2>/dev/null && complain "a rank was killed, and the job goes on"
job 1 killed resume=1 || complain "a killed run does not go on"
same 1 killed alone-5

# The verdict of rank 0 counts.
job 4 stopped stop=4 || complain "a stopped run fails"
grep -q '^4 steps' "$folder/stopped/result.txt" || complain "rank 0 cannot stop the run"
job 4 goes_on ignored_stop=4 || complain "a run that goes on fails"
same 4 goes_on alone-5

for threads in 1 2; do job 2 heap heap=1 threads=$threads || complain "a step calls the heap"; done

ends() { # ends TEXT RANKS KEY=NUMBER...: the job fails and says so
  local expected=$1 output status
  shift
  output=$(job "$1" accident-$RANDOM "${@:2}" 2>&1)
  status=$?
  if [ $status = 0 ] || [ $status = 124 ] || [[ $output != *"$expected"* ]]; then
    complain "expected '$expected', got status $status and: $output"
  fi
}
ends "training stopped in step 1: the loss is nan; the first site with a NaN or infinity is hook_embed" 4 nan=1
ends "rank 1 of 2: a callback has had enough" 2 throw=4
ends "rank 0 of 3: a hook fails" 3 hook=1 hook_throws=1
ends "rank 1 of 2: train: the weights before training are not those of rank 0" 2 other_seed=1
ends "rank 1 of 2: train: the options or the data are not those of rank 0" 2 other_lr=1
ends "rank 1 of 2: train: the weights after training are not those of rank 0" 2 nudge=12
ends "rank 1 of 2 cannot go on, and so the job ends: nobody else knows of this" 2 alone=1
exit $failed
