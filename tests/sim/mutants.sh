#!/usr/bin/env bash
# Usage: tests/sim/mutants.sh [--scratch DIR] [NAME...]
#
# Shows that the simulation of whole sales bites: plants each bug of tests/sim/mutants/*.patch into
# a copy of the tracked files, runs the simulation there and expects it to name a broken promise.
# Ends with `N passed, N failed` (passed: caught) and exits 0 only if none failed. A bug that does
# not compile, crashes the program or hangs it is not caught.
#
#   NAME           only the patches whose file name contains one of these
#   --scratch DIR  copy and build here and keep it, which makes the next time quicker
#                  (otherwise a temporary folder that is removed)
#   --help         this text
#
# Environment: TIKETI_SIM_SEEDS seeds at most per bug (3000), JOBS compilers at once (2),
# TIKETI_SIM_TIMEOUT seconds at most per run (300).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
seeds="${TIKETI_SIM_SEEDS:-3000}"
limit="${TIKETI_SIM_TIMEOUT:-300}"
jobs="${JOBS:-2}"
scratch=
names=()

usage_error() {
  printf 'tests/sim/mutants.sh: %s (see tests/sim/mutants.sh --help)\n' "$1" >&2
  exit 2
}

while [ "$#" -gt 0 ]; do
  case "$1" in
    --help | -h)
      awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --scratch)
      [ "$#" -ge 2 ] || usage_error "--scratch needs a folder"
      scratch="$2"
      shift
      ;;
    -*) usage_error "unknown argument '$1'" ;;
    *) names+=("$1") ;;
  esac
  shift
done

patches=()
for patch in "$root"/tests/sim/mutants/*.patch; do
  [ -f "$patch" ] || continue
  [ "${#names[@]}" -gt 0 ] || patches+=("$patch")
  for name in "${names[@]+"${names[@]}"}"; do
    case "$(basename "$patch")" in *"$name"*)
      patches+=("$patch")
      break
      ;;
    esac
  done
done
[ "${#patches[@]}" -gt 0 ] || usage_error "no patch in tests/sim/mutants has such a name"

if [ -n "$scratch" ]; then
  mkdir -p "$scratch"
  scratch="$(cd "$scratch" && pwd)"
else
  scratch="$(mktemp -d)"
  trap 'rm -rf "$scratch"' EXIT
fi
source_dir="$scratch/src"
build_dir="$scratch/build"
log="$scratch/log"

# Only what differs, so that an older copy is brought up to date without building all of it again.
echo "copying to $source_dir"
git -C "$root" ls-files | while read -r file; do
  [ -f "$root/$file" ] || continue
  cmp -s "$root/$file" "$source_dir/$file" && continue
  mkdir -p "$(dirname "$source_dir/$file")"
  cp "$root/$file" "$source_dir/$file"
done

build() {
  ninja -C "$build_dir" -j "$jobs" sim_test >"$log" 2>&1
}

# Sets `status`; the output is in $log.
run() {
  status=0
  TIKETI_SIM_SEEDS="$seeds" timeout "$limit" "$program" --gtest_filter='*every_promise*' \
    >"$log" 2>&1 || status=$?
}

echo "building the simulation as it is"
cd "$source_dir"
if ! cmake --preset release -B "$build_dir" -DTIKETI_BENCH=OFF >"$log" 2>&1 || ! build; then
  tail -n 40 "$log" >&2
  echo "tests/sim/mutants.sh: the simulation could not be built; the reason stands above" >&2
  exit 1
fi
program="$(find "$build_dir" -type f -name sim_test -perm -u+x | head -n 1)"
run
[ "$status" -eq 0 ] || {
  tail -n 40 "$log" >&2
  echo "tests/sim/mutants.sh: the simulation fails without any planted bug (status $status)" >&2
  exit 1
}
grep ' seeds: ' "$log"

passed=0
failed=0
failures=()
miss() {
  printf 'FAILED (%s)\n' "$1"
  failed=$((failed + 1))
  failures+=("$name: $1")
}

for patch in "${patches[@]}"; do
  name="$(basename "$patch" .patch)"
  printf '%s (%d of %d): ' "$name" "$((passed + failed + 1))" "${#patches[@]}"
  if ! patch -p1 --dry-run -f -i "$patch" >"$log" 2>&1; then
    miss "the patch does not fit the sources any more"
    continue
  fi
  patch -p1 -f --no-backup-if-mismatch -i "$patch" >/dev/null
  if build; then
    run
    violation="$(sed -n 's/^.*"\(P[1-7]: [^"]*\)".*$/\1/p' "$log" | head -n 1)"
    seed="$(sed -n 's/^seed \([0-9]*\)$/\1/p' "$log" | head -n 1)"
    case "$status" in
      0) miss "survives $seeds seeds" ;;
      1)
        if [ -n "$violation" ]; then
          printf 'caught by seed %s: %s\n' "$seed" "$violation"
          passed=$((passed + 1))
        else
          tail -n 5 "$log" >&2
          miss "fails without naming a promise"
        fi
        ;;
      124) miss "hangs longer than $limit s" ;;
      *) miss "crashes with status $status" ;;
    esac
  else
    tail -n 20 "$log" >&2
    miss "does not compile"
  fi
  patch -p1 -f -R --no-backup-if-mismatch -i "$patch" >/dev/null
done

for failure in "${failures[@]+"${failures[@]}"}"; do
  printf 'FAILED: %s\n' "$failure"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
