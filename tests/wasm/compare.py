#!/usr/bin/env python3
"""compare.py EXPECTED ACTUAL: whether two lists of numbers, a name and its numbers a line, agree to
1e-5 of the largest number of their line. Words must be the same."""

import sys
from pathlib import Path

TOLERANCE = 1e-5


def numbers(words):
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def difference(expected, actual):
    """By how much the two lines differ, relative to their scale; infinite when in more than numbers."""
    x, y = numbers(expected[1:]), numbers(actual[1:])
    if expected[0] != actual[0] or x is None or y is None or len(x) != len(y):
        return 0.0 if expected == actual else float("inf")
    scale = max(abs(number) for number in x)
    return max(abs(p - q) for p, q in zip(x, y)) / scale


def main():
    expected, actual = ([line.split() for line in Path(path).read_text().splitlines()]
                        for path in sys.argv[1:])
    if not expected or len(expected) != len(actual):
        sys.exit(f"expected {len(expected)} lines, got {len(actual)}")
    failed, largest = False, 0.0
    for number, (wanted, got) in enumerate(zip(expected, actual), 1):
        error = difference(wanted, got)
        largest = max(largest, error)
        if not error <= TOLERANCE:  # NaN fails, too
            print(f"line {number}, {wanted[0]}: differs by {error:.2g} of its largest number")
            failed = True
    print(f"largest difference {largest:.2g} of {sum(map(len, expected)) - len(expected)} numbers")
    sys.exit(failed)


main()
