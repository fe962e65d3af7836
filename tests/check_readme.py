#!/usr/bin/env python3
"""Checks that the tests which the tables of tests/README.md name are there: after the path of a file
in backticks stand sentences in quotes, each a TEST_CASE of that file. Every row of a table with a
column `here` names one, and the defects D1 to D21 have a row each.

    check_readme.py               checks tests/README.md
    check_readme.py --self-test   feeds itself wrong tables and expects each of them to be refused
"""

import pathlib
import re
import sys
import tempfile

STRINGS = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
TEST_CASE = re.compile(r"^(?:TEMPLATE_)?TEST_CASE\(\s*" + STRINGS, re.MULTILINE)
REFERENCE = re.compile(r'`([\w/]+_test\.cpp)`|"([^"]+)"')
DEFECTS = {f"D{n}" for n in range(1, 22)}


def tests_of(path):
    """The names of the tests in a file; a long one may be written as several strings."""
    return {
        "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', strings))
        for strings in TEST_CASE.findall(path.read_text(encoding="utf-8"))
    }


def check(page, root):
    """Returns (number of tests named, errors) of a page whose paths begin at root."""
    errors, known, named = [], {}, 0
    rows, in_table = {}, False
    for number, line in enumerate(page.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            in_table = False
        elif cells[-1] == "here":
            in_table = True
        elif in_table and not line.startswith("| ---"):
            rows[number] = cells
    for number, cells in rows.items():
        path, found = None, 0
        for file, name in REFERENCE.findall(cells[-1]):
            if file:
                path = file
                if path not in known:
                    there = (root / path).is_file()
                    known[path] = tests_of(root / path) if there else set()
                    if not there:
                        errors.append(f"line {number}: there is no {path}")
            elif name in known.get(path, set()):
                found += 1
            else:
                errors.append(f'line {number}: {path} has no test "{name}"')
        if found == 0:
            errors.append(f"line {number}: no test is named")
        named += found
    missing = DEFECTS - {cells[0] for cells in rows.values()}
    if missing:
        errors.append(f"defects without a row: {', '.join(sorted(missing))}")
    return named, errors


def self_test():
    """A good page is taken, and each bad one refused in the words that say why."""
    source = 'TEST_CASE("One") {}\nTEMPLATE_TEST_CASE(\n    "Two, "\n    "and more",\n    "", float) {}\n'
    good = "| | here |\n| --- | --- |\n" + "".join(
        f'| {defect} | `a/a_test.cpp` "One", "Two, and more" |\n' for defect in sorted(DEFECTS)
    )
    bad = {
        "there is no a/b_test.cpp": good.replace("a_test", "b_test", 1),
        'a/a_test.cpp has no test "Three"': good.replace("One", "Three", 1),
        "no test is named": good + "| more | said |\n",
        "defects without a row: D7": good.replace("| D7 |", "| D6 |"),
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "a").mkdir()
        (root / "a/a_test.cpp").write_text(source, encoding="utf-8")
        faults = [] if check(good, root) == (42, []) else [f"a good page: {check(good, root)}"]
        for words, page in bad.items():
            errors = check(page, root)[1]
            if not any(words in error for error in errors):
                faults.append(f"expected '{words}', got {errors}")
    return faults


def main(arguments):
    root = pathlib.Path(__file__).resolve().parent
    if arguments == ["--self-test"]:
        faults = self_test()
        print("\n".join(faults) or "all as expected")
    else:
        named, faults = check((root / "README.md").read_text(encoding="utf-8"), root)
        print("\n".join(faults) or f"{named} tests are named, and there")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
