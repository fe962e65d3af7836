#!/usr/bin/env python3
"""Compares hooked with HookedTransformer on random configurations.

    run.py PROGRAM [N] [--seed S] [--out FILE] [--keep FOLDER]

PROGRAM is what ours.cpp was built into. Exit status 1 if anything is out of tolerance.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from multiprocessing import Pool
from pathlib import Path

import numpy as np

import compare
import corrections
import peer
import processing
from draw import Case, draw

DTYPES = ("float64", "float32")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="compares hooked with HookedTransformer")
    parser.add_argument("program", type=Path)
    parser.add_argument("n", type=int, nargs="?", default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the cases, which stay there")
    return parser.parse_args()


@dataclass
class Reference:
    """What is to come out of a case, and by how much HookedTransformer misses it in float32."""

    values: peer.Values
    their_errors: dict[str, float]
    wrong_step: str | None  # of its weight processing
    defect: str | None  # which that is


class Tally:
    """What was compared, and what came of it."""

    def __init__(self) -> None:
        self.comparisons = 0
        self.ill_conditioned = 0
        self.worst: dict[tuple[str, str], tuple[float, str]] = {}  # of (quantity, dtype)
        self.failures: list[str] = []
        self.refusals: Counter[str] = Counter()
        self.corrections: Counter[str] = Counter()
        self.compared: set[int] = set()

    def add(self, number: int, case: Case, dtype: str, folder: Path, reference: Reference) -> None:
        place = f"configuration {number}, {dtype}"
        if (folder / "refused.txt").exists():
            if dtype == "float64":
                self.refusals[reason((folder / "refused.txt").read_text())] += 1
            return
        self.compared.add(number)
        if (folder / "failed.txt").exists():
            for line in (folder / "failed.txt").read_text().splitlines():
                self.failures.append(f"{place}: threw in {without_folder(line)}")
        if not (folder / "ours.npz").exists():
            return
        ours = dict(np.load(folder / "ours.npz")) | peer.read_back(case, dtype, folder)
        allowed = compare.tolerances(dtype, reference.their_errors)
        for name, error in compare.errors(reference.values, ours, dtype).items():
            self.note(name, error, allowed.get(compare.family_of(name), 0.0), dtype, place)

    def add_defects(self, number: int, case: Case, reference: Reference) -> None:
        self.corrections.update(corrections.WHAT[name] for name in corrections.of(case))
        if reference.defect:
            self.corrections[f"{reference.defect}: {processing.INSTEAD}"] += 1
        elif reference.wrong_step:
            self.failures.append(
                f"configuration {number}: HookedTransformer is wrong in {reference.wrong_step}, "
                "which is none of its known defects"
            )

    def note(self, name: str, error: float, allowed: float, dtype: str, place: str) -> None:
        self.comparisons += 1
        self.ill_conditioned += compare.TOLERANCES[dtype] < error <= allowed
        key = (compare.quantity_of(name), dtype)
        if error > allowed:
            self.failures.append(f"{place}: {name}: error {error:.1e}, allowed {allowed:.1e}")
        elif error >= self.worst.get(key, (-1.0, ""))[0]:
            self.worst[key] = (error, f"{place}: {name}")


def without_folder(message: str) -> str:
    return re.sub(r"\S*/config\.json: ", "", message).strip()


def reason(refusal: str) -> str:
    """The same for all numbers."""
    return re.sub(r"-?\d+(\.\d+)?", "N", without_folder(refusal))


def prepare(task: tuple[int, Case, Path]) -> Reference:
    """Writes a case, and says what is to come out of it."""
    number, case, folder = task
    for dtype in DTYPES:
        peer.write(case, dtype, folder / f"{number}-{dtype}")
    values, wrong = peer.expected(case)
    their_errors = compare.errors(values, peer.expected(case, "float32")[0], "float32")
    defect = processing.defect_of(wrong, peer.model_of(case, "float64").cfg) if wrong else None
    return Reference(values, their_errors, wrong, defect)


def tally(cases: list[Case], references: list[Reference], folder: Path) -> Tally:
    result = Tally()
    for number, case in enumerate(cases):
        for dtype in DTYPES:
            result.add(number, case, dtype, folder / f"{number}-{dtype}", references[number])
        if number in result.compared:
            result.add_defects(number, case, references[number])
    return result


def report(n: int, seed: int, found: Tally) -> dict:
    return {
        "what": "./dev parity: hooked beside HookedTransformer on random configurations",
        "date": date.today().isoformat(),
        "versions": {name: version(name) for name in ("transformer-lens", "torch")},
        "seed": seed,
        "configurations": n,
        "compared": len(found.compared),
        "comparisons": found.comparisons,
        "tolerances": compare.TOLERANCES,
        "beyond them, but within what rounding does to HookedTransformer": found.ill_conditioned,
        "worst": {
            f"{quantity}, {dtype}": {"error": float(f"{error:.1e}"), "at": place}
            for (quantity, dtype), (error, place) in sorted(found.worst.items())
        },
        "refused": dict(sorted(found.refusals.items())),
        "corrected": dict(sorted(found.corrections.items())),
        "out of tolerance": sorted(found.failures),
    }


def show(result: dict) -> None:
    print(
        f"seed {result['seed']}: {result['compared']} of {result['configurations']} configurations,"
    )
    print(
        f"{result['comparisons']} comparisons, {len(result['out of tolerance'])} out of tolerance"
    )
    for quantity, worst in result["worst"].items():
        print(f"  {worst['error']:8.1e}  {quantity}: {worst['at']}")
    for reason, count in result["refused"].items():
        print(f"refused {count}: {reason}")
    for what, count in result["corrected"].items():
        print(f"corrected {count}: {what}")
    for failure in result["out of tolerance"][:50]:
        print(f"FAILED {failure}")


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        cases = [draw(given.seed * 1_000_000 + number) for number in range(given.n)]
        with Pool() as pool:
            tasks = [(number, case, folder) for number, case in enumerate(cases)]
            references = pool.map(prepare, tasks, chunksize=4)
        subprocess.run([given.program, folder], check=True)
        result = report(given.n, given.seed, tally(cases, references, folder))
    show(result)
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if result["out of tolerance"] else 0


if __name__ == "__main__":
    sys.exit(main())
