# shellcheck shell=bash
# Shared by the scripts in tools/; sourced, not run. The caller has `set -euo pipefail`.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
script="tools/$(basename "$0")"

# die <sentence>: says what is wrong and what to do, and ends with 1.
die() {
  printf '%s: %s\n' "$script" "$*" >&2
  exit 1
}

# usage_error <sentence>: a wrong argument; ends with 2.
usage_error() {
  printf '%s: %s (see %s --help)\n' "$script" "$*" "$script" >&2
  exit 2
}

# Prints the comment block below the first line of the calling script.
show_help() {
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

# How many compilers may run at once: one per core, and one per 1.5 GB, because a translation unit
# with CAF takes that much. JOBS=<n> in the environment overrides.
jobs_count() {
  local cores memory
  if [ -n "${JOBS:-}" ]; then
    echo "$JOBS"
    return
  fi
  cores="$(nproc 2>/dev/null || echo 2)"
  memory="$(awk '/^MemTotal:/ { n = int($2 / 1500000); print n < 1 ? 1 : n }' /proc/meminfo 2>/dev/null || echo "$cores")"
  echo $((cores < memory ? cores : memory))
}

# configure <preset> <build dir>: quiet unless it fails.
configure() {
  local preset="$1" build="$2" log
  log="$(mktemp)"
  if ! (cd "$root" && cmake --preset "$preset" -B "$build" >"$log" 2>&1); then
    cat "$log" >&2
    rm -f "$log"
    die "CMake could not configure $build; the reason stands above. If a package is missing, run tools/setup; if the folder was moved, delete it and try again."
  fi
  rm -f "$log"
}

# build <build dir> <target...>: one line of progress on a terminal, every step elsewhere.
build() {
  local dir="$1"
  shift
  if ! NINJA_STATUS='[%f/%t %es] ' ninja -C "$dir" -j "$(jobs_count)" "$@"; then
    die "the build in $dir failed; the compiler's message stands above."
  fi
}

# setup [--tests]
setup() {
  "$root/tools/setup" "$@" || exit 1
}

# Where `tools/setup --tests` keeps the Python packages of the tests: another place for other versions.
test_python_dir() {
  local sum
  sum="$(sha256sum "$root/tests/python/requirements.txt")"
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/tiketi/python-${sum:0:12}"
}

# The program that checks alert rules; empty when there is none.
promtool_path() {
  type -P promtool || {
    local own="${XDG_CACHE_HOME:-$HOME/.cache}/tiketi/promtool"
    [ ! -x "$own" ] || echo "$own"
  }
}

# Where `tools/setup --tests` keeps the jars of the Kafka broker; tests/support/kafka_broker.cpp looks
# there too.
test_kafka_dir() {
  local sum
  sum="$(sha256sum "$root/tests/support/kafka/jars.sha256")"
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/tiketi/kafka-${sum:0:12}"
}
