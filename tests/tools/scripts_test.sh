#!/usr/bin/env bash
# Every script explains itself and refuses what it does not know; the checks find what they look for.
set -uo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failures=0

# expect <exit code> <text in the output> <command...>
expect() {
  local code="$1" text="$2" out status=0
  shift 2
  out="$("$@" 2>&1)" || status=$?
  if [ "$status" -ne "$code" ] || ! grep -qF -- "$text" <<<"$out"; then
    printf 'FAILED: %s\n  exit %s, expected %s; expected in the output: %s\n%s\n' \
      "$*" "$status" "$code" "$text" "$out"
    failures=$((failures + 1))
  fi
}

for script in setup run cluster test bench lint check-arrows lib/parts; do
  expect 0 "Usage: tools/$script" "$root/tools/$script" --help
  expect 0 "--help" "$root/tools/$script" --help
done
for script in setup cluster test bench lint check-arrows lib/parts; do
  expect 2 "unknown argument '--nonsense'" "$root/tools/$script" --nonsense
done
expect 2 "belong to --production" "$root/tools/run" --fresh
expect 2 "up needs a number of nodes, 1 to 9" "$root/tools/cluster" up 10 --dir "$work/none"
expect 2 "--delete belongs to down" "$root/tools/cluster" up 3 --delete
expect 2 "kill needs a node" "$root/tools/cluster" kill
expect 1 "holds no cluster" "$root/tools/cluster" kill n1 --dir "$work/none"
expect 3 "nothing runs in" "$root/tools/cluster" status --dir "$work/none"
expect 0 "nothing runs in" "$root/tools/cluster" down --dir "$work/none"
expect 1 "is no program" "$root/tools/cluster" up 2 --dir "$work/empty" --binary "$work/none"
expect 1 "holds something else" "$root/tools/cluster" up 2 --dir "$root/tests" --binary /bin/true
expect 2 "belong to up" "$root/tools/lib/parts" down "$work/none" --connections 200
expect 2 "needs a number" "$root/tools/lib/parts" up "$work/none" --advertise kafka
expect 2 "--only needs" "$root/tools/test" --only
expect 2 "--json needs" "$root/tools/bench" --json
expect 1 "cannot be written" "$root/tools/bench" --json=/nonexistent/folder/x
expect 0 "libcaf-dev" "$root/tools/setup" --list

# check-arrows on a small tree of its own.
mkdir -p "$work/p/tools/lib" "$work/p/actors/base" "$work/p/actors/seat" "$work/p/net" "$work/p/storage"
cp "$root/tools/check-arrows" "$work/p/tools/"
cp "$root/tools/lib/common.sh" "$work/p/tools/lib/"
git -C "$work/p" init -q
printf '#include "actors/base/x.hpp"\n#include <caf/all.hpp>\n' >"$work/p/actors/seat/a.cpp"
printf '#include "actors/seat/a.hpp"\n' >"$work/p/net/b.cpp"
git -C "$work/p" add .
expect 0 "" "$work/p/tools/check-arrows"
printf '#include "net/b.hpp"\n' >>"$work/p/actors/seat/a.cpp"
expect 1 "actors/seat/a.cpp:3 includes net/b.hpp" "$work/p/tools/check-arrows"
printf '  #  include <caf/all.hpp>\n' >"$work/p/actors/base/c.hpp"
expect 1 "actors/base/c.hpp:1 includes caf/all.hpp" "$work/p/tools/check-arrows"

# A crash, a failed case and a plain program are counted as what they are.
cat >"$work/junit.xml" <<'END'
<testsuite>
<testcase name="good" status="run"><system-out>[==========] Running 3 tests
[  PASSED  ] 3 tests.</system-out></testcase>
<testcase name="mixed" status="fail"><system-out>[  FAILED  ] a_test.b (0 ms)
[  PASSED  ] 2 tests.
[  FAILED  ] 1 test, listed below:
[  FAILED  ] a_test.b</system-out></testcase>
<testcase name="crash" status="fail"><system-out>Segmentation fault</system-out></testcase>
<testcase name="plain" status="run"><system-out>ok</system-out></testcase>
<testcase name="pytest" status="fail"><system-out>..F
FAILED test_a.py::test_b - AssertionError: 1 passed
1 failed, 2 passed in 0.12s</system-out></testcase>
</testsuite>
END
expect 0 "8 3" python3 "$root/tools/lib/count_tests.py" "$work/junit.xml"
expect 0 "mixed: a_test.b" python3 "$root/tools/lib/count_tests.py" "$work/junit.xml"
expect 0 "pytest: test_a.py::test_b" python3 "$root/tools/lib/count_tests.py" "$work/junit.xml"

if [ "$failures" -ne 0 ]; then
  echo "$failures expectations failed"
  exit 1
fi
