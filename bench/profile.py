#!/usr/bin/env python3
"""Says where the time of each case goes, and writes it to bench/results/profile.json.

Builds `steps` once more with frame pointers, samples one thread of every case with `perf`, and
counts each sample for the first frame from the inside out that KINDS knows.
"""

import collections
import json
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from run import CASES, ROOT

BUILD = ROOT / "build-bench" / "profile"
RESULT = ROOT / "bench" / "results" / "profile.json"
SECONDS = 4.0

# Innermost first: a kernel of products counts for attention where attention called it.
PRODUCT = re.compile(r"detail::(tile|strip|product|pack_tiles)\b|tile_product|pack_(rows|columns)")
KINDS = [
    ("attention", re.compile(r"FusedAttention|AttentionTile|AttentionScores|AttentionMix|Softmax")),
    ("loss", re.compile(r"CrossEntropy")),
    ("norms, activation functions", re.compile(r"Standardize|Affine|Pointwise|FusedMlp|Center|"
                                               r"RmsScale|DivideRows|ScaleColumns")),
    ("rows, sums, copies", re.compile(r"GatherRows|record<hooked::Add|Recorded<hooked::Add|"
                                      r"Embed|hooked::copy|at_positions")),
    ("products", re.compile(r"Linear")),
    ("optimiser, sums of gradients", re.compile(r"Optimizer|add_up")),
]


def kind(frames: list[str]) -> str:
    """What a sample counts for: `frames` are its functions, innermost first."""
    multiplies = any(PRODUCT.search(frame) for frame in frames)
    for frame in frames:
        for name, pattern in KINDS:
            if not pattern.search(frame):
                continue
            attends = name == "attention"
            return "products" if multiplies and not attends else name
    return "other"


def shares(case: str) -> dict[str, float]:
    """The share of each kind in the case's time, in per cent, start-up left out."""
    program = BUILD / "bench" / "steps"
    with subprocess.Popen([program, "--case", case, "--threads", "1"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as steps:
        def run(times: int) -> list[float]:
            steps.stdin.write(f"run {times}\n")
            steps.stdin.flush()
            return json.loads(steps.stdout.readline())["ms"]

        steps.stdout.readline()
        once = sorted(run(9))[4] / 1000
        data = BUILD / "perf.data"
        with subprocess.Popen(["perf", "record", "-q", "-g", "-F", "1999", "-o", data,
                               "-p", str(steps.pid)], stderr=subprocess.DEVNULL) as perf:
            run(max(1, int(SECONDS / once)))
            perf.terminate()
        steps.stdin.close()
    script = subprocess.run(["perf", "script", "-i", data, "-F", "comm,ip,sym"],
                            capture_output=True, text=True, check=True).stdout
    counts: collections.Counter[str] = collections.Counter()
    for sample in script.split("\n\n"):
        frames = [line.split(maxsplit=1)[1] for line in sample.splitlines()[1:]
                  if len(line.split(maxsplit=1)) == 2]
        if frames:
            counts[kind(frames)] += 1
    total = sum(counts.values())
    return {name: round(100 * counts[name] / total, 1)
            for name in [*dict.fromkeys(["products", *(n for n, _ in KINDS)]), "other"]}


def main() -> int:
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                    "-DHOOKED_BUILD_BENCH=ON", "-DHOOKED_BUILD_TESTS=OFF",
                    "-DHOOKED_BUILD_EXAMPLES=OFF",
                    "-DCMAKE_CXX_FLAGS=-fno-omit-frame-pointer"], check=True)
    subprocess.run(["cmake", "--build", BUILD, "--target", "steps"], check=True)
    cases = []
    for case in CASES:
        cases.append({"case": case, "shares": shares(case)})
        print(json.dumps(cases[-1]), flush=True)
    RESULT.write_text(json.dumps({
        "command": "./dev bench profile",
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cases": cases}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
