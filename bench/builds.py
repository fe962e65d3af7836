#!/usr/bin/env python3
"""Times the same steps in programs that were built in different ways, and writes down what it saw.

`ours` is built as our own programs are. The others are built by a project as README.md describes
it, which has hooked as a part: for this processor (hooked::native), for any x86-64, and with no
build type at all, which is to say without optimisation. In each round everyone has a turn.

A whole run leaves bench/results/builds.json, in which, by case,
  ms             is the median of all repetitions in all rounds;
  ratios         are a build's time over that of `ours`;
  busy_elsewhere is how many processors other programs took meanwhile.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import BUILD, CASES, ROOT, SCRATCH, Participant, agree, busy_ticks, processor  # noqa: E402

RESULT = ROOT / "bench" / "results" / "builds.json"
WAYS = {  # what is linked, the build type
    "native": ("hooked::hooked hooked::native", "Release"),
    "portable": ("hooked::hooked", "Release"),
    "unoptimised": ("hooked::hooked", ""),
}
PROJECT = """cmake_minimum_required(VERSION 3.22...3.31)
project(consumer LANGUAGES CXX)
add_subdirectory(${{HOOKED}} hooked)
add_executable(steps ${{HOOKED}}/bench/steps.cpp)
target_include_directories(steps PRIVATE ${{HOOKED}})
target_link_libraries(steps PRIVATE {targets})
"""


def build(way: str) -> Path:
    targets, build_type = WAYS[way]
    folder = BUILD.parent / "builds" / way
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CMakeLists.txt").write_text(PROJECT.format(targets=targets))
    configure = ["cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DHOOKED={ROOT}"]
    subprocess.run([*configure, f"-DCMAKE_BUILD_TYPE={build_type}"], check=True)
    subprocess.run(["cmake", "--build", folder / "build"], check=True)
    return folder / "build" / "steps"


def measure(case: str, programs: dict[str, Path], threads: int, rounds: int) -> dict:
    shutil.rmtree(SCRATCH / case, ignore_errors=True)
    (SCRATCH / case).mkdir(parents=True)
    present = {}
    try:
        for name, program in programs.items():
            command = [str(program), "--case", case, "--threads", str(threads)]
            present[name] = Participant(name, command, case, dict(os.environ))
        ours = present["ours"]
        agrees = {name: agree(p.values, ours.values) for name, p in present.items()}
        for participant in present.values():
            participant.warm_up()
        started, ticks = time.perf_counter(), busy_ticks()
        mine = sum(p.cpu_ticks() for p in present.values())
        for _ in range(rounds):
            for participant in present.values():
                participant.turn()
        mine = sum(p.cpu_ticks() for p in present.values()) - mine
        elsewhere = (busy_ticks() - ticks - mine) / os.sysconf("SC_CLK_TCK")
        return {
            "case": case,
            "ms": {name: round(p.median(), 4) for name, p in present.items()},
            "ratios": {n: round(p.median() / ours.median(), 2) for n, p in present.items()},
            "agrees": agrees,
            "busy_elsewhere": round(max(0, elsewhere) / (time.perf_counter() - started), 2),
        }
    finally:
        for participant in present.values():
            participant.end()


def main() -> int:
    parser = argparse.ArgumentParser(description="Times steps in programs of different builds.")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", help="some of: " + ",".join(CASES))
    options = parser.parse_args()
    names = options.cases.split(",") if options.cases else list(CASES)
    if unknown := sorted(set(names) - set(CASES)):
        parser.error(f"{unknown[0]} is none of: {', '.join(CASES)}")

    programs = {"ours": BUILD / "steps"} | {way: build(way) for way in WAYS}
    cases = []
    for name in names:
        case = measure(name, programs, options.threads, options.rounds)
        cases.append(case)
        ratios = "  ".join(f"{way} {case['ratios'][way]:.2f}x" for way in WAYS)
        print(f"{name:22} ours {case['ms']['ours']:.3f} ms  {ratios}", flush=True)
    if names == list(CASES):
        facts = {
            "machine": {"processor": processor(), "system": platform.system()},
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "threads": options.threads,
            "rounds": options.rounds,
        }
        RESULT.write_text(json.dumps(facts | {"cases": cases}, indent=1) + "\n")
        print(f"wrote {RESULT.relative_to(ROOT)}")
    return 0 if all(all(case["agrees"].values()) for case in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
