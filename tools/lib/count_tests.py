"""Counts test cases in ctest's JUnit file.

A GoogleTest program or a run of pytest is one entry for ctest; its cases are counted from its
output. Prints `<passed> <failed>` and then the name of each failure, one a line.
"""
import re
import sys
import xml.etree.ElementTree as ET


def main(path):
    passed = failed = 0
    names = []
    for entry in ET.parse(path).getroot().iter("testcase"):
        output = entry.findtext("system-out") or ""
        status = entry.get("status")
        if status in ("disabled", "notrun"):
            failed += 1
            names.append(f"{entry.get('name')} did not run")
            continue
        good = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) tests?", output, re.M))
        bad = re.findall(r"^\[  FAILED  \] ([\w./]+\.[\w./]+)", output, re.M)
        # pytest: `=== 2 failed, 5 passed in 1.00s ===` and `FAILED test_a.py::test_b - why`
        good += sum(int(n) for n in re.findall(r"^=*[^=\n]*?\b(\d+) passed\b[^=\n]* in [\d.]+s", output, re.M))
        bad += re.findall(r"^FAILED (\S+::\S+)", output, re.M)
        if status == "run":
            passed += good or 1
            continue
        passed += good
        bad = sorted(set(bad))
        failed += len(bad) or 1
        names += [f"{entry.get('name')}: {case}" for case in bad] or [entry.get("name")]
    print(passed, failed)
    for name in names:
        print(name)


main(sys.argv[1])
