# For tests of a program, which is $program: what it refuses, with one line on standard error
# and exit status 1. Sets $failed. A folder of the test's own is $folder.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

refuses() { # refuses TEXT ARGUMENT...
  local expected=$1 output status
  shift
  output=$("$program" "$@" 2>&1 >/dev/null)
  status=$?
  if [ "$status" != 1 ] || [ "$(wc -l <<<"$output")" != 1 ] || [[ $output != *"$expected"* ]]; then
    printf 'expected "%s" and status 1, got status %s and:\n%s\n' "$expected" "$status" "$output"
    failed=1
  fi
}
